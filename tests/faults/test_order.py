"""Files in any order, cut in any way, over any number of builds: the same rows in every relation.

Each drawing lands the company's records in a workspace of its own: lines of each file shuffled, cut into pieces, the
pieces spread over several builds. So one build answers for many drawings.
"""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from nexus.settings import Settings
from orchestration.sources import discover
from tests.faults.shared import SEED, SOURCES, Digest, Zygote, differences, digest_build, finish
from warehouse.engines.duckdb.connect import build_path
from warehouse.land import land


def scatter(
    company: Path, folder: Path, rounds: int, drawn: random.Random, pieces: tuple[int, int] = (1, 3), only: str = ""
) -> None:
    """Writes `<folder>/<round>/<source>/…`: the records of `company` (of the source `only`), each in one of the rounds.

    A file of lines is cut into as many pieces as `pieces` says.
    """
    for path in sorted(p for p in (company / only).rglob("*") if p.is_file()):
        relative, content = path.relative_to(company), path.read_bytes()
        bare = relative.with_suffix("") if path.suffix == ".gz" else relative
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        if bare.suffix not in (".jsonl", ".log"):
            cut = {bare: content}
        else:
            lines = content.splitlines(keepends=True)
            drawn.shuffle(lines)
            count = drawn.randint(*pieces)
            # the name decides in which order the files of one landing are read
            cut = {
                bare.with_name(f"{drawn.randrange(1000)}-{n}-{bare.name}"): b"".join(lines[n::count])
                for n in range(count)
            }
        for name, piece in cut.items():
            target = folder / str(drawn.randrange(rounds)) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(piece)


def land_round(settings: Settings, folder: Path, workspace: str, drawn: random.Random) -> None:
    sources = [s for s in SOURCES if (folder / s).is_dir()]
    drawn.shuffle(sources)
    for source in sources:
        land(discover()[source], [folder / source], workspace, settings)


def outcomes(
    settings: Settings, zygote: Zygote, company: Path, folder: Path, drawings: int, rounds: int, *how: str
) -> list[Digest]:
    """The relations of a workspace in which everything landed in order at once, then those of each drawing."""
    random_of = {n: random.Random(f"{SEED}/{n}") for n in range(1, drawings + 1)}
    for source in SOURCES:
        land(discover()[source], [company / source], "w0", settings)
    for n, drawn in random_of.items():
        scatter(company, folder / str(n), rounds, drawn)
    for turn in range(rounds):
        for n, drawn in random_of.items():
            land_round(settings, folder / str(n) / str(turn), f"w{n}", drawn)
        finish(zygote, settings, [["small-build", *how]])
    return [digest_build(build_path(settings), f"where workspace_id = 'w{n}'") for n in range(drawings + 1)]


@pytest.mark.slow
def test_any_order_and_cut_gives_the_same(home: Settings, zygote: Zygote, company: Path, tmp_path: Path) -> None:
    first, *others = outcomes(home, zygote, company, tmp_path, 2, 2)
    assert sum(rows for rows, _ in first.values()) > 1000
    assert [differences(first, other) for other in others] == [[], []]


@pytest.mark.slow
def test_every_mart_is_the_same_in_many_orders(home: Settings, zygote: Zygote, company: Path, tmp_path: Path) -> None:
    first, *others = outcomes(home, zygote, company, tmp_path, 6, 3, "--all")
    assert [differences(first, other) for other in others] == [[]] * 6
