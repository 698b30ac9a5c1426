"""kill -9 of PostgreSQL under an ingest, a build and a publication: one clear message, and the same marts after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus import postgres
from nexus.errors import MachineError
from nexus.settings import Settings
from tests import homes
from tests.faults.conftest import landings
from tests.faults.shared import Digest, Ended, Zygote, differences, digest, finish, readers
from tests.faults.test_ingest import assert_tidy
from warehouse.current import read_current

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def own() -> Iterator[Settings]:
    settings = homes.make("faults")
    postgres.dsn(settings)
    yield settings
    homes.discard(settings)


def assert_told(done: Ended) -> None:
    """One message with a remedy, and the exit code of the machine's troubles."""
    assert done.code == MachineError.exit_code, done.said
    assert done.said.count("error ") == 1, done.said
    assert "PostgreSQL went away" in done.said
    assert "→" in done.said
    assert "Traceback" not in done.said


def test_during_an_ingest_and_then_a_build(own: Settings, zygote: Zygote, company: Path, undisturbed: Digest) -> None:
    for step, source in (("staged", "okta"), ("renamed", "s3")):
        assert_told(zygote.run(own, *landings(company, source)[0], die_at=step, victim="postgres"))
    finish(zygote, own, landings(company))
    assert_tidy(own)
    assert_told(zygote.run(own, "small-build", die_at="int_access__login", victim="postgres"))
    assert read_current(own) is None, "a build that has lost its lock may not publish"
    assert_told(zygote.run(own, "small-build", die_at="copied", victim="postgres"))
    # a backend may outlive its postmaster by a few statements: then the lock still held, and the switch was right
    assert read_current(own) is None or differences(digest(own), undisturbed) == []
    finish(zygote, own, [["small-build"]])
    assert differences(digest(own), undisturbed) == []


def test_readers_need_no_server(own: Settings, zygote: Zygote) -> None:
    """Runs after the test above, on what it has published."""
    before = digest(own)
    with readers(own) as seen:
        # the switch has happened, and only the ledger does not know it yet
        assert_told(zygote.run(own, "small-publish", die_at="switched", victim="postgres"))
        finish(zygote, own, [["small-publish"]])
    seen.assert_whole()
    assert digest(own) == before
