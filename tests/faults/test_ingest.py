"""`nexus ingest` under kill -9 and in parallel: nothing lost, nothing twice, nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.settings import Settings
from tests.faults.conftest import NewHome, landings
from tests.faults.shared import SOURCES, Digest, Zygote, command, differences, digest, ended, finish, instants
from warehouse import ledger

STEPS = ("begun", "read", "staged", "written", "renamed", "committed")


def assert_tidy(settings: Settings) -> None:
    """The lake holds the ledger's files and no other, no batch is under way, no scratch is left."""
    with ledger.connect(settings) as connection:
        known = {p.path for part in ("raw", "quarantine") for p in ledger.parts(connection, settings, part=part)}
        states = connection.execute("select distinct status from batch").fetchall()
    assert {p for p in settings.lake.rglob("*") if p.is_file()} == known
    assert {row["status"] for row in states} <= {"landed", "abandoned"}
    assert list((settings.run_dir / "landing").iterdir()) == []


def test_killed_at_every_step_and_anywhere_else(
    home: Settings, zygote: Zygote, company: Path, undisturbed: Digest
) -> None:
    # one kill at each step, over all sources, then some anywhere, and only then to the end
    killed = 0
    for number, step in enumerate(STEPS):
        argv = landings(company, SOURCES[number % len(SOURCES)])[0]
        done = zygote.run(home, *argv, die_at=step)
        assert done.was_killed, f"{step}: {done.said}"
        killed += 1
    for number, moment in enumerate(instants(3, 0.8, "ingest")):
        killed += zygote.run(home, *landings(company, SOURCES[number])[0], kill_after=moment).was_killed
    assert killed >= len(STEPS)
    finish(zygote, home, [*landings(company), ["small-build"]])
    assert_tidy(home)
    assert differences(digest(home), undisturbed) == []


def test_two_commands_land_one_folder_at_once(home: Settings, company: Path) -> None:
    argv = landings(company, "okta")[0]
    both = [command(home, *argv, "--json") for _ in range(2)]
    told = [json.loads(e.said.splitlines()[-1]) for e in map(ended, both)]
    counts = sorted((t["landed"], t["duplicate"]) for t in told)
    assert counts[0] == (0, counts[1][0])
    assert counts[1][0] > 0
    assert counts[1][1] == 0
    assert_tidy(home)


def test_the_same_file_again_changes_nothing(
    started: Settings, new_home: NewHome, zygote: Zygote, company: Path
) -> None:
    settings = new_home(started)
    shown = zygote.run(settings, *landings(company, "s3")[0], "--json")
    told = json.loads(shown.said.splitlines()[-1])
    assert (told["landed"], told["quarantined"], told["batches"]) == (0, 0, [])
    assert told["duplicate"] == told["read"] > 0


@pytest.mark.slow
def test_killed_at_many_instants(home: Settings, zygote: Zygote, company: Path, undisturbed: Digest) -> None:
    for number, moment in enumerate(instants(60, 1.5, "many ingests")):
        zygote.run(home, *landings(company, SOURCES[number % len(SOURCES)])[0], kill_after=moment)
    finish(zygote, home, [*landings(company), ["small-build"]])
    assert_tidy(home)
    assert differences(digest(home), undisturbed) == []
