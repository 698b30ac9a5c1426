"""Small files of the lake are merged while builds load them and readers read: killed anywhere, the marts are the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nexus.settings import Settings
from orchestration.sources import discover
from tests.faults.shared import SEED, SOURCES, Digest, Zygote, command, differences, digest, ended, finish, readers
from tests.faults.test_order import land_round, scatter
from warehouse.land import land

ROUNDS = 9  # a table of so many small files is worth merging


@pytest.mark.slow
def test_compacted_under_loads_readers_and_kills(
    home: Settings, zygote: Zygote, company: Path, tmp_path: Path, undisturbed: Digest
) -> None:
    drawn = random.Random(f"{SEED}/compaction")
    scatter(company, tmp_path, ROUNDS, drawn, pieces=(6, 9), only="okta")
    for source in SOURCES:
        if source != "okta":
            land(discover()[source], [company / source], "demo", home)
    for turn in range(ROUNDS):
        land_round(home, tmp_path / str(turn), "demo", drawn)
        if turn == 4:
            finish(zygote, home, [["small-build"]])
    with readers(home) as seen:
        for step in ("written", "renamed", "switched"):
            done = zygote.run(home, "compact", die_at=step)
            assert done.was_killed, done.said
        both = command(home, "compact")
        built = zygote.run(home, "small-build")
        compacted = ended(both)
        assert compacted.code == 0, compacted.said
        assert built.code == 0, built.said
        finish(zygote, home, [["compact"], ["small-build"]])
    seen.assert_whole()
    assert differences(digest(home), undisturbed) == []
