"""The sensor asks for the short way where it is safe, for the whole one where it is not, and never twice at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)

from nexus.settings import Settings
from orchestration.defs import arrivals
from orchestration.exports import features_lag
from orchestration.inbox import folder
from orchestration.live import own
from warehouse.engines.duckdb.connect import build_path
from warehouse.publish import Gate, publish
from warehouse.quality import GateResult
from warehouse.quality.record import invalidate, record

MADE_OF = {"okta": {"raw_okta__user", "stg_okta__user", "dim_user"}, "s3": {"raw_s3__inventory", "dim_file"}}
GATES = {("raw_okta__user", "contract"), ("dim_user", "volume"), ("dim_file", "volume")}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "QUIET", timedelta(0))


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def published(settings: Settings) -> Settings:
    path = build_path(settings)
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts; create table marts.dim_user as select 'w' as workspace_id")
    publish(settings)
    record(settings, [GateResult(gate, relation, True, "", "") for relation, gate in GATES])
    return settings


def drop(settings: Settings, where: str = "acme/okta/users.jsonl") -> Path:
    path = settings.home / "inbox" / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    return path


def look(settings: Settings, instance: DagsterInstance, cursor: str | None = None, at: float = 0.0) -> Any:
    return arrivals.look(settings, MADE_OF, GATES, instance, cursor, clock=lambda: at)


def request(result: Any) -> RunRequest:
    assert isinstance(result, SensorResult)
    (asked,) = result.run_requests or []
    return asked


def test_an_empty_inbox_asks_for_nothing(settings: Settings, instance: DagsterInstance) -> None:
    assert isinstance(look(settings, instance), SkipReason)


def test_a_stray_is_put_away_and_asks_for_nothing(settings: Settings, instance: DagsterInstance) -> None:
    path = drop(settings, "acme/nobody/x.csv")
    result = look(settings, instance)
    assert isinstance(result, SkipReason)
    assert "x.csv.report.md" in str(result.skip_message)
    assert not path.exists()


def test_before_the_first_publication_the_whole_way_is_asked_for(settings: Settings, instance: DagsterInstance) -> None:
    drop(settings)
    assert request(look(settings, instance)).job_name == "refresh"


def test_the_short_way_builds_what_the_source_concerns_and_publishes(
    published: Settings, instance: DagsterInstance
) -> None:
    drop(published)
    asked = request(look(published, instance))
    assert asked.job_name == "arrivals"
    assert asked.asset_selection is not None
    assert set(asked.asset_selection) == {AssetKey([n]) for n in (*MADE_OF["okta"], "published_arrivals")}


def test_what_was_built_and_not_judged_closes_the_short_way(published: Settings, instance: DagsterInstance) -> None:
    drop(published)
    invalidate(published, ["dim_user"])
    assert request(look(published, instance)).job_name == "arrivals", "the short way itself judges it again"
    invalidate(published, ["dim_file"])
    assert request(look(published, instance)).job_name == "refresh", "a build of s3 was killed before its gates"


def test_while_a_run_is_under_way_none_is_asked_for(
    published: Settings, instance: DagsterInstance, definitions: Any
) -> None:
    drop(published)
    job = definitions.resolve_job_def("arrivals")
    instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    result = look(published, instance)
    assert isinstance(result, SkipReason)
    assert "under way" in str(result.skip_message)


def test_what_a_run_leaves_lying_is_tried_ever_less(published: Settings, instance: DagsterInstance) -> None:
    drop(published)
    cursor, asked = None, []
    for second in range(0, 1000, 5):
        result = look(published, instance, cursor, at=float(second))
        if isinstance(result, SensorResult):
            asked.append(second)
            cursor = result.cursor
    assert asked == [0, 30, 90, 210, 450, 930]
    drop(published, "acme/okta/another.jsonl")
    assert json.loads(look(published, instance, cursor, at=935.0).cursor)["times"] == 0, "a new file is tried at once"


def test_new_events_of_the_services_ask_for_what_is_made_of_them(
    published: Settings, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = "events of demo after 1.7.1"
    monkeypatch.setattr(own, "waiting", lambda _: [at])
    made_of = {**MADE_OF, "nexus": {"raw_nexus__event", "dim_user"}}
    first = arrivals.look(published, made_of, GATES, instance, None, clock=lambda: 0.0)
    assert request(first).asset_selection == [
        AssetKey([name]) for name in ("dim_user", "raw_nexus__event", arrivals.PUBLISHED)
    ]
    # a run that drained nothing leaves the same place: asked for again, but ever less often
    assert isinstance(arrivals.look(published, made_of, GATES, instance, first.cursor, clock=lambda: 1.0), SkipReason)
    at = "events of demo after 1.9.1"
    assert request(arrivals.look(published, made_of, GATES, instance, first.cursor, clock=lambda: 1.0))


def test_the_graph_has_the_sensor_and_its_jobs(definitions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "waiting", lambda _: [])
    repository = definitions.get_repository_def()
    (found,) = repository.sensor_defs
    assert {t.job_name for t in found.targets} == {"arrivals", "refresh"}
    with DagsterInstance.ephemeral() as instance, build_sensor_context(instance=instance) as context:
        assert found(context).skip_message == "the inbox is empty"


def test_the_short_way_leaves_out_features_and_learning(definitions: Any) -> None:
    steps = {node.name for node in definitions.resolve_job_def("arrivals").nodes}
    assert {"land_okta", "gate_okta", "dbt_marts", "gate_marts", "published_arrivals"} <= steps
    assert not steps & {"dbt_features", "online_features", "churn_model", "churn_scores", "published_warehouse"}
    assert "published_arrivals" not in {node.name for node in definitions.resolve_job_def("refresh").nodes}


def test_features_lag_while_one_that_is_published_is_not_judged(published: Settings) -> None:
    assert features_lag(published), "none was judged yet"
    names = ("feat_customer__mail", "feat_customer__storage")
    record(published, [GateResult("volume", name, True, "", "") for name in names])
    publish(published, audit=lambda _: [Gate(f"{name}.volume", True) for name in names])
    assert not features_lag(published)
    invalidate(published, ["feat_customer__storage"])
    assert features_lag(published), "one was made of what arrived"
    record(published, [GateResult("volume", "feat_customer__storage", True, "", "")])
    assert not features_lag(published)
