"""A dropped file goes from the inbox through the sensor's own run into the published marts, and nothing else changes."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nexus.demo import Options, generate
from nexus.settings import Settings
from orchestration.build import build_defs
from orchestration.execution import execute
from orchestration.exports import features_lag, something_new
from orchestration.inbox import folder
from orchestration.instance import open_instance
from tests.transforms.shared import land_export
from warehouse import dbt
from warehouse.current import read_current
from warehouse.engines.duckdb.connect import build_path
from warehouse.marts import Reader
from warehouse.versions import list_versions

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1800)]

EVENTS = "select count(*) from marts.fct_file_event"


def _without_last_log(company: Path) -> bytes:
    last = sorted((company / "export" / "s3" / "access").iterdir())[-1]
    with gzip.open(last) as handle:
        text = handle.read()
    last.unlink()
    return text


def _rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return sorted(map(repr, connection.execute(f"from {relation}").fetchall()))


def test_a_dropped_file_is_published_by_the_short_way(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "QUIET", timedelta(0))
    company = tmp_path / "company"
    generate(Options(customers=25, months=3, seed=11), company)
    text = _without_last_log(company)
    land_export(settings, company, ("stripe", "paypal", "s3", "email_events", "okta"))
    outcome = execute(settings, lambda _: None, train=False)
    assert outcome.success, [(s.key, s.error) for s in outcome.steps if s.error]
    reader = Reader(settings)
    before, events = read_current(settings), reader.query(EVENTS).item()
    assert before is not None
    assert not features_lag(settings)

    dropped = settings.home / "inbox" / "demo" / "s3" / "access.log"
    dropped.parent.mkdir(parents=True)
    dropped.write_bytes(text)
    result, steps = _run_what_the_sensor_asks_for(settings)

    assert result.success, [e.message for e in result.all_events if e.is_failure]
    assert {"land_s3", "gate_s3", "dbt_marts", "gate_marts", "published_arrivals"} <= steps
    assert not steps & {"land_stripe", "dbt_features", "churn_scores"}
    after = read_current(settings)
    assert after is not None
    assert after.version == before.version + 1
    assert Reader(settings).query(EVENTS).item() == events + text.count(b"\n")
    report = (dropped.parent / "done" / "access.log.report.md").read_text()
    assert f"Published in version {after.version}" in report
    version = next(v for v in list_versions(settings) if v.is_current)
    assert all(gate["passed"] for gate in version.gates)
    assert {g["name"] for g in version.gates} >= {"fct_payment.volume", "feat_customer__storage.volume"}
    assert features_lag(settings)
    assert something_new(settings), "the hourly refresh has work to do"

    _equal_to_a_full_refresh(settings, after.path)


def _run_what_the_sensor_asks_for(settings: Settings) -> tuple[Any, set[str]]:
    from dagster import build_sensor_context

    definitions = build_defs(settings)
    repository = definitions.get_repository_def()
    (sensor,) = repository.sensor_defs
    with open_instance(settings, capture=False) as instance:
        with build_sensor_context(instance=instance) as context:
            (request,) = sensor(context).run_requests
        assert request.job_name == "arrivals"
        result = definitions.resolve_job_def("arrivals").execute_in_process(
            instance=instance, tags=request.tags, asset_selection=request.asset_selection, raise_on_error=False,
        )  # fmt: skip
        return result, {e.step_key for e in result.all_events if e.is_step_success}


def _equal_to_a_full_refresh(settings: Settings, published: Path) -> None:
    nodes = dbt.run("run", settings, select=["+config.schema:marts"], arguments=["--full-refresh"])
    assert not [n.message for n in nodes if n.is_bad]
    with duckdb.connect(str(build_path(settings)), read_only=True) as build:
        full = {
            f"marts.{name}": _rows(build, f"marts.{name}")
            for (name,) in build.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts' and table_name <> 'fct_prediction'"
            ).fetchall()
        }
    with duckdb.connect(str(published), read_only=True) as version:
        for relation, rows in full.items():
            assert _rows(version, relation) == rows, relation
