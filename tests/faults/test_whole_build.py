"""`nexus build` as a whole under kill -9: in gates, in dbt, between the steps of both publications, and anywhere.

The sweep of kill points; tests/orchestration/test_build.py looks at what a build says and refuses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.demo import Options, generate
from nexus.settings import Settings
from orchestration.instance import clear_dead_runs, open_instance
from tests.faults import test_build
from tests.faults.conftest import NewHome, landings
from tests.faults.shared import SOURCES, Digest, Zygote, differences, digest, finish, instants, readers
from tests.faults.test_ingest import assert_tidy

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(7200)]

#: In every kind of gate, while dbt builds marts and features, and between the steps of a publication.
STEPS = (
    "judged contract",
    "fct_invoice",
    "recorded dbt_tests",
    "judged volume",
    "recorded volume",
    *test_build.PUBLISHING,
)
BUILD = ("build", "--no-train")


@pytest.fixture(scope="module")
def peaceful(new_home: NewHome, whole: Zygote, company: Path) -> Digest:
    """The marts of a home in which nothing was killed."""
    settings = new_home()
    finish(whole, settings, [*landings(company), BUILD])
    return digest(settings)


def test_killed_at_every_step_and_anywhere(new_home: NewHome, whole: Zygote, company: Path, peaceful: Digest) -> None:
    settings = new_home()
    # something to read, of a part of the records
    finish(whole, settings, [*landings(company, "okta", "s3"), BUILD])
    finish(whole, settings, landings(company, "stripe", "paypal", "email_events"))
    with readers(settings, 2) as seen:
        for step in STEPS:
            done = whole.run(settings, *BUILD, die_at=step)
            assert done.was_killed, f"{step}: {done.said}"
        for moment in instants(8, 60.0, "whole builds"):
            whole.run(settings, *BUILD, kill_after=moment)
        finish(whole, settings, [BUILD])
    seen.assert_whole()
    assert differences(digest(settings), peaceful) == []
    with open_instance(settings) as instance:
        assert clear_dead_runs(instance) == []
        assert [run.run_id for run in instance.get_runs() if not run.is_finished] == []


def test_the_demo_company_in_full_size(new_home: NewHome, zygote: Zygote, tmp_path: Path) -> None:
    """A million records, every model: ingests and builds killed at many instants, while two processes read."""
    generate(Options(), tmp_path / "company")
    export = tmp_path / "company" / "export"
    calm, stormy = new_home(), new_home()
    finish(zygote, calm, [*landings(export), ["small-build", "--all"]])
    for number, moment in enumerate(instants(20, 25.0, "full ingests")):
        zygote.run(stormy, *landings(export, SOURCES[number % len(SOURCES)])[0], kill_after=moment)
    finish(zygote, stormy, landings(export, "okta", "s3"))
    finish(zygote, stormy, [["small-build", "--all"], *landings(export)])
    assert_tidy(stormy)
    with readers(stormy, 2) as seen:
        for moment in instants(10, 90.0, "full builds"):
            zygote.run(stormy, "small-build", "--all", kill_after=moment)
        finish(zygote, stormy, [["small-build", "--all"]])
    seen.assert_whole()
    assert differences(digest(stormy), digest(calm)) == []
    assert lake_rows(stormy) == lake_rows(calm)


def lake_rows(settings: Settings) -> list[tuple[str, str, int]]:
    """Rows in the lake by source and table."""
    from warehouse import ledger

    with ledger.connect(settings) as connection:
        rows: dict[tuple[str, str], int] = {}
        for part in ledger.parts(connection, settings):
            rows[part.source, part.table] = rows.get((part.source, part.table), 0) + part.rows
    return sorted((source, table, count) for (source, table), count in rows.items())
