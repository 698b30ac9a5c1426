"""Loading, dbt, a gate and a publication under kill -9: the marts of an undisturbed run, and readers who never notice."""

from __future__ import annotations

import pytest

from nexus.settings import Settings
from tests.faults.conftest import NewHome
from tests.faults.shared import Digest, Zygote, differences, digest, finish, instants, readers
from warehouse.versions import list_versions, versions_dir

#: Between two tables, in the middle of dbt, before and after the gate's judgement is kept.
BUILDING = ("loaded raw_stripe__charge", "int_email__event", "judged volume")
BUILDING_TOO = (
    "schema",
    "loaded raw_paypal__payout_item",
    "int_access__login",
    "dim_plan",
    "fct_balance_transaction",
    "int_files__event",
    "recorded volume",
)
PUBLISHING = ("numbered", "copied", "candidate", "audited", "switched")


def assert_tidy(settings: Settings) -> None:
    """Every file of a version is one that can be read, and every readable one has its file."""
    listed = list_versions(settings)
    assert {v.status for v in listed} <= {"published", "failed", "retired"}
    assert {p.name for p in versions_dir(settings).iterdir()} == {
        v.path.name for v in listed if v.status == "published"
    }


@pytest.fixture
def pending(started: Settings, new_home: NewHome) -> Settings:
    return new_home(started)


def test_a_killed_build_run_again_gives_the_same(pending: Settings, zygote: Zygote, undisturbed: Digest) -> None:
    with readers(pending) as seen:
        for step in BUILDING:
            done = zygote.run(pending, "small-build", die_at=step)
            # what a killed build had loaded, the next one need not load again
            assert done.was_killed or step.startswith("loaded"), f"{step}: {done.said}"
        for moment in instants(1, 2.0, "build"):
            zygote.run(pending, "small-build", kill_after=moment)
        finish(zygote, pending, [["small-build"]])
    seen.assert_whole()
    assert 1 in seen.contents
    assert differences(digest(pending), undisturbed) == []
    assert_tidy(pending)


def test_a_killed_publication_has_happened_or_not(started: Settings, new_home: NewHome, zygote: Zygote) -> None:
    settings = new_home(started)
    before = digest(settings)
    with readers(settings) as seen:
        for step in PUBLISHING:
            done = zygote.run(settings, "small-publish", die_at=step)
            assert done.was_killed, f"{step}: {done.said}"
            assert digest(settings) == before
        finish(zygote, settings, [["small-publish"]])
    seen.assert_whole()
    assert digest(settings) == before
    assert_tidy(settings)
    published = [v.version for v in list_versions(settings) if v.status == "published"]
    assert published == [7, 6, 1], "the first, the one killed after its switch, and the last"


@pytest.mark.slow
def test_builds_killed_at_many_instants(pending: Settings, zygote: Zygote, undisturbed: Digest) -> None:
    with readers(pending, 2) as seen:
        for step in (*BUILDING_TOO, *PUBLISHING):
            zygote.run(pending, "small-build", die_at=step)
        for moment in instants(25, 6.0, "many builds"):
            zygote.run(pending, "small-build", kill_after=moment)
        finish(zygote, pending, [["small-build"]])
    seen.assert_whole()
    assert differences(digest(pending), undisturbed) == []
    assert_tidy(pending)
