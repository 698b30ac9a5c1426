"""`nexus build` as its user runs it: it publishes, it refuses what is wrong, and killing it changes nothing."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from nexus.errors import ContractError
from nexus.settings import PROJECT, Settings
from orchestration.exports import Export, remember
from orchestration.instance import clear_dead_runs, connected, open_instance
from tests import homes
from tests.orchestration import shared
from warehouse.current import read_current
from warehouse.quality.record import recorded
from warehouse.versions import list_versions

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared.company(tmp_path_factory.mktemp("company") / "demo")


@pytest.fixture(scope="module")
def both(company: Path) -> Iterator[list[Settings]]:
    made = [shared.home(company), shared.home(company)]
    yield made
    for settings in made:
        homes.discard(settings)


@pytest.fixture(scope="module")
def built(both: list[Settings]) -> Settings:
    """A home that was built once, in peace."""
    code, output = shared.finish(both[0], "--no-train")
    assert code == 0, output
    return both[0]


def test_it_publishes_and_says_so(built: Settings) -> None:
    current = read_current(built)
    assert current is not None
    results = recorded(built)
    assert results
    assert all(r.passed for r in results)
    version = next(v for v in list_versions(built) if v.is_current)
    assert {g["name"] for g in version.gates} == {f"{r.relation}.{r.gate}" for r in results}
    assert shared.marts(built)["marts.dim_customer"][0] > 0


def test_killed_anywhere_and_run_again_it_gives_the_same_marts(both: list[Settings], built: Settings) -> None:
    other = both[1]
    moments = (
        ("Landing okta", 0.0),  # between two sources
        ("contracts of stripe", 0.3),  # while gates or landing go on
        ("contracts of tabular", 4.0),  # while dbt builds
        ("volume of the features", 0.4),  # while publishing
    )
    for line, delay in moments:
        said = shared.kill_after(other, line, delay, "--no-train")
        assert line in said, said
    code, output = shared.finish(other, "--no-train")
    assert code == 0, output
    assert shared.marts(other) == shared.marts(built)
    with open_instance(other) as instance:
        assert clear_dead_runs(instance) == []
        unfinished = [run for run in instance.get_runs() if not run.is_finished]
        assert unfinished == [], "runs of killed processes are marked as failed by the next build"


def test_while_a_build_runs_dagster_asks_once_which_columns_its_table_has(
    built: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(SqlEventLogStorage, "has_asset_key_col", lambda _, name: not asked.append(name))  # type: ignore[func-returns-value]
    with open_instance(built, capture=False) as instance:
        store: Any = instance.event_log_storage
        with connected(instance), connected(instance):
            assert store.has_asset_key_col("cached_status_data")
            assert store.has_asset_key_col("cached_status_data")
        assert asked == ["cached_status_data"]
        store.has_asset_key_col("cached_status_data")
    assert asked == ["cached_status_data"] * 2, "another may migrate the instance between two builds"


def test_a_wrong_invoice_is_refused_and_a_corrected_one_accepted(
    built: Settings, company: Path, tmp_path: Path
) -> None:
    before = shared.marts(built)
    version = read_current(built)
    assert version is not None
    folder = tmp_path / "correction"
    folder.mkdir()
    remember(built, Export(shared.WORKSPACE, "stripe", str(folder)))
    invoice = _an_invoice(company)
    wrong = invoice | {name: invoice[name] + 100 for name in ("total", "subtotal", "total_excluding_tax")}
    (folder / "invoices-wrong.jsonl").write_text(json.dumps(wrong) + "\n")

    code, output = shared.finish(built, "--no-train")

    assert code == 6, output
    assert "fct_invoice" in output
    assert "total is sum of lines" in output
    assert read_current(built) == version, "the old version goes on serving"
    assert shared.marts(built) == before
    (refused,) = [r for r in recorded(built) if not r.passed]
    assert (refused.relation, refused.gate, refused.violations) == ("fct_invoice", "total_is_sum_of_lines", 1)
    assert refused.failing[0]["observed"] - refused.failing[0]["expected"] == 100
    assert list_versions(built)[0].status == "refused"

    (folder / "invoices-corrected.jsonl").write_text(json.dumps(invoice) + "\n")
    code, output = shared.finish(built, "--no-train")
    assert code == 0, output
    assert shared.marts(built) == before


def test_a_second_build_at_the_same_time_is_refused(built: Settings) -> None:
    from warehouse.publish import build_lock

    with build_lock(built):
        code, output = shared.finish(built, "--no-train")
    assert code == 5, output


def test_lost_while_somebody_ingests_and_restored_elsewhere(built: Settings, company: Path, tmp_path: Path) -> None:
    """The drill of docs/backup.md. The last test, because it destroys the home."""
    before = shared.marts(built)
    bad = tmp_path / "bad.jsonl"
    bad.write_text("".join(f'{{"eventType": "user.session.start", "uuid": "{n}"}}\n' for n in range(200_000)))
    kept = tmp_path / "kept.tar.zst"
    # its records are all quarantined: whether they are in the backup or not, the marts say the same
    with _nexus(built, "ingest", "okta", str(bad), "--workspace", shared.WORKSPACE) as ingest:
        with _nexus(built, "backup", str(kept)) as backup:
            said = backup.communicate(timeout=600)[0]
        assert backup.returncode == 0, said
        assert ingest.communicate(timeout=600)[0]
    assert ingest.returncode == ContractError.exit_code
    homes.discard(built)

    there = homes.make("build")
    there.home.chmod(0o755)
    try:
        with _nexus(there, "restore", str(kept)) as restore:
            said = restore.communicate(timeout=600)[0]
        assert restore.returncode == 0, said
        assert shared.marts(there) == before
        for source in shared.SOURCES:
            export = str(company / "export" / source)
            with _nexus(there, "ingest", source, export, "--workspace", shared.WORKSPACE, "--json") as ingest:
                counts = json.loads(ingest.communicate(timeout=600)[0].splitlines()[-1])
            assert (counts["landed"], counts["quarantined"]) == (0, 0)
            assert counts["read"] == counts["duplicate"] > 0
        code, output = shared.finish(there, "--no-train")
        assert code == 0, output
        assert shared.marts(there) == before
        with _nexus(there, "sql", "select count(*) as n from marts.dim_customer", "--csv") as sql:
            assert sql.communicate(timeout=600)[0].split() == ["n", str(before["marts.dim_customer"][0])]
    finally:
        homes.discard(there)


def _nexus(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nexus", *arguments], cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(settings.home)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _an_invoice(company: Path) -> dict[str, Any]:
    path = sorted((company / "export" / "stripe").glob("invoices-*.jsonl.gz"))[-1]
    with gzip.open(path, "rt") as lines:
        for line in lines:
            invoice: dict[str, Any] = json.loads(line)
            if invoice["status"] == "paid" and invoice["total"]:
                return invoice
    raise AssertionError("the company has no paid invoice")
