"""Landing under kill -9, in parallel, and over corrupted input: nothing is lost and nothing counts twice."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from nexus.contracts import Source
from nexus.settings import PROJECT, Settings
from tests.warehouse.conftest import SHOP_CODE, Write, killed, payment
from tests.warehouse.test_land import counts, lake
from warehouse import ledger, quarantine
from warehouse.engines import open_engine
from warehouse.land import land
from warehouse.load import load_pending

POINTS = ["begun", "read", "staged", "written", "renamed", "committed"]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_landing_has_happened_or_not(settings: Settings, shop: Source, write: Write, point: str) -> None:
    line = {"kind": "line", "item": "x"}
    path = write("a.jsonl", payment(1), line, line, "nonsense")
    code = f"""
        from warehouse.land import land
        land(SHOP, [Path({str(path)!r})], "demo", settings, checkpoint=die_at({point!r}))
    """
    assert killed(settings, code) == -9
    done = point == "committed"
    report = land(shop, [path], "demo", settings)
    assert counts(report) == ((4, 0, 3, 1) if done else (4, 3, 0, 1))
    assert len(lake(settings, "line")) == 2
    assert len(quarantine.read(settings)) == 1
    with ledger.connect(settings) as connection:
        known = {str(p.path) for part in ("raw", "quarantine") for p in ledger.parts(connection, settings, part=part)}
    assert {str(p) for p in settings.lake.rglob("*") if p.is_file()} == known
    assert not list((settings.run_dir / "landing").iterdir())


def test_two_processes_land_one_file_at_once(settings: Settings, shop: Source, write: Write) -> None:
    path = write("a.jsonl", *[{"kind": "line", "item": str(n)} for n in range(20_000)], payment(1))
    assert settings.database_url is not None
    script = f"""
from pathlib import Path
from pydantic import SecretStr
from nexus.settings import Settings
{SHOP_CODE}
from warehouse.land import land
settings = Settings(home=Path({str(settings.home)!r}), database_url=SecretStr({settings.database_url.get_secret_value()!r}))
report = land(SHOP, [Path({str(path)!r})], "demo", settings)
print(report.landed, report.duplicate)
"""
    both = [
        subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert sorted(p.communicate(timeout=120)[0].strip() for p in both) == ["0 20001", "20001 0"]
    assert len(lake(settings, "line")) == 20_000


def test_threads_land_overlapping_files(settings: Settings, shop: Source, write: Write) -> None:
    paths = [write(f"{n}.jsonl", *[payment(i) for i in range(n, n + 50)]) for n in range(0, 100, 25)]
    threads = [threading.Thread(target=land, args=(shop, [p], "demo", settings)) for p in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lake(settings, "payment")["id"]) == sorted(f"p{n}" for n in range(125))


_NUMBERS = st.integers(0, 5)
_RECORDS = st.one_of(
    st.builds(lambda n, a: payment(n, amount=a), _NUMBERS, st.sampled_from([1, 2, "x", None])),
    st.builds(lambda n, v: {"kind": "customer", "id": f"c{n}", "name": f"v{v}", "updated_at": f"2026-01-0{v}"}, _NUMBERS, st.integers(1, 4)),
    st.builds(lambda n: {"kind": "line", "item": f"i{n}"}, _NUMBERS),
    st.just({"kind": "unheard of"}),
)  # fmt: skip
_DAMAGE = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from([b"\xff", b"\0", b'"', b"}", b"\n", b"", b"[", b"\\"])),
    max_size=4,
)


def _damaged(text: bytes, damage: list[tuple[int, bytes]]) -> bytes:
    for place, byte in damage:
        at = place % max(len(text), 1)
        text = text[:at] + byte + text[at + 1 :]
    return text


def _is_record(line: bytes) -> bool:
    """Whether it stands for itself, whatever is before and behind it."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@hypothesis(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.tuples(st.lists(_RECORDS, max_size=12), _DAMAGE, st.binary(max_size=8)), min_size=1, max_size=3)
)
def test_read_is_landed_plus_duplicate_plus_quarantined(
    settings: Settings, shop: Source, tmp_path_factory: pytest.TempPathFactory, files: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    workspace = folder.name.replace("_", "-").lower()
    given: dict[str, int] = {}
    for number, (records, damage, tail) in enumerate(files):
        text = _damaged("".join(json.dumps(r) + "\n" for r in records).encode() + tail, damage)
        (folder / f"{number}.jsonl").write_bytes(text)
        given[f"{number}.jsonl"] = sum(map(_is_record, text.splitlines()))
    report = land(shop, [folder], workspace, settings)
    assert {name: count for name, count in given.items() if report.files[name].read < count} == {}
    bad = quarantine.read(settings, workspace=workspace)
    landed = sum(len(f) for t in shop.tables if not (f := _of(lake(settings, t.name), workspace)).is_empty())
    assert all(c.balanced for c in [report.total, *report.files.values(), *report.tables.values()])
    assert (landed, len(bad)) == (report.landed, report.quarantined - report.still_quarantined)
    again = land(shop, [folder], workspace, settings)
    assert (again.read, again.landed, again.quarantined) == (report.read, 0, report.quarantined)
    assert again.still_quarantined == again.quarantined


def _of(frame: Any, workspace: str) -> Any:
    import polars as pl

    return frame.filter(pl.col("workspace_id") == workspace) if not frame.is_empty() else frame


@hypothesis(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(_RECORDS.filter(lambda r: r["kind"] in ("customer", "line")), min_size=1, max_size=20),
    random=st.randoms(use_true_random=False),
    pieces=st.integers(1, 4),
)
def test_the_order_of_files_does_not_matter(
    settings: Settings,
    shop: Source,
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, Any]],
    random: Any,
    pieces: int,
) -> None:
    def outcome(order: list[dict[str, Any]]) -> tuple[list[Any], Counter[str]]:
        folder: Path = tmp_path_factory.mktemp("order")
        workspace = folder.name.replace("_", "-").lower()
        for piece in range(pieces):
            path = folder / f"{piece}.jsonl"
            path.write_text(
                "".join(
                    json.dumps(r) + "\n" for r in [*order[piece::pieces], {"kind": "line", "item": f"file {piece}"}]
                )
            )
            land(shop, [path], workspace, settings)
        load_pending("duckdb", settings, shop.tables)
        with open_engine("duckdb", settings) as session:
            run = session.connection.execute  # type: ignore[attr-defined]
            newest = run(
                "select id, name from raw.raw_shop__customer where workspace_id = ? order by 1", [workspace]
            ).fetchall()
            lines = Counter(
                r[0] for r in run("select item from raw.raw_shop__line where workspace_id = ?", [workspace]).fetchall()
            )
        return newest, lines

    shuffled = records.copy()
    random.shuffle(shuffled)
    assert outcome(records) == outcome(shuffled)
