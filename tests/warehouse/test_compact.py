"""Compaction changes how the lake lies on disk, and nothing else; killed anywhere it loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nexus.settings import Settings
from tests.warehouse.conftest import SHOP, Write, customer, killed, payment
from warehouse import ledger, quarantine, replaying
from warehouse.compact import GRACE, Compacted, compact, delete_leftovers
from warehouse.engines import NAMES
from warehouse.engines.duckdb.connect import build_path
from warehouse.land import land
from warehouse.load import load_pending
from warehouse.publish import build_lock

NO_GRACE = timedelta(0)


def parts(settings: Settings) -> list[ledger.Part]:
    with ledger.connect(settings) as connection:
        return ledger.parts(connection, settings)


def files(settings: Settings) -> set[str]:
    return {str(path) for path in settings.lake.glob("raw/**/*") if path.is_file()}


def rows(settings: Settings) -> list[tuple[Any, ...]]:
    """Every landed row with its provenance, in no order."""
    found: list[tuple[Any, ...]] = []
    with duckdb.connect() as engine:
        for table in {p.table for p in parts(settings)}:
            paths = sorted({str(p.path) for p in parts(settings) if p.table == table})
            listed = engine.execute(
                "select * from read_parquet($1, union_by_name = true, hive_partitioning = false)", [paths]
            ).fetchall()
            found += [(table, *row) for row in listed]
    return sorted(found, key=repr)


def raw(settings: Settings) -> dict[str, list[str]]:
    """Rows of the loaded raw tables but for the number of the load."""
    with duckdb.connect(str(build_path(settings)), read_only=True) as build:
        tables = [row[0] for row in build.execute("select table_name from duckdb_tables()").fetchall()]
        return {
            t: sorted(map(repr, build.execute(f"select * exclude (_load_seq) from raw.{t}").fetchall()))
            for t in tables
            if not t.startswith("_")
        }


@pytest.fixture
def many(settings: Settings, write: Write) -> Settings:
    """Four small landings: payments, lines without identity, and a customer and a product that change in each."""
    for n in range(4):
        path = write(
            f"{n}.jsonl",
            payment(n),
            payment(100 + n),
            customer(1, f"name {n}", f"2026-01-{28 - n:02d}T00:00:00Z"),
            {"kind": "product", "id": "x", "name": f"product {n % 3}"},
            {"kind": "line", "item": f"item {n}", "quantity": n},
        )
        land(SHOP, [path], "demo", settings)
    return settings


def test_many_files_become_one_and_the_rows_stay(many: Settings) -> None:
    before, landed = rows(many), {(p.batch_id, p.seq, p.table, p.rows) for p in parts(many)}

    done = merge(many)

    assert {(d.table, d.files_before, d.files_after) for d in done} == {
        ("payment", 4, 1), ("customer", 4, 1), ("product", 4, 1), ("line", 4, 1),
    }  # fmt: skip
    assert rows(many) == before
    assert {(p.batch_id, p.seq, p.table, p.rows) for p in parts(many)} == landed
    assert files(many) == {str(p.path) for p in parts(many)}
    assert len(files(many)) == 4
    assert merge(many) == [], "there is nothing left to do"


@pytest.mark.parametrize("engine", NAMES)
def test_a_warehouse_loads_only_batches_it_has_not_seen(settings: Settings, write: Write, engine: str) -> None:
    def one(n: int) -> None:
        land(SHOP, [write(f"{n}.jsonl", payment(n), {"kind": "line", "item": "a", "quantity": n})], "demo", settings)

    for n in range(2):
        one(n)
    first = load_pending(engine, settings, SHOP.tables)
    for n in range(2, 4):
        one(n)
    merge(settings)
    second = load_pending(engine, settings, SHOP.tables)
    assert first.rows == second.rows == {"raw_shop__payment": 2, "raw_shop__line": 2}
    assert second.batches == {"raw_shop__payment": 2, "raw_shop__line": 2}
    assert load_pending(engine, settings, SHOP.tables).rows == {}


def test_a_load_is_the_same_before_and_after(many: Settings) -> None:
    load_pending("duckdb", many, SHOP.tables)
    before = raw(many)
    merge(many)
    build_path(many).unlink()
    load_pending("duckdb", many, SHOP.tables)
    assert raw(many) == before
    assert "product 0" in before["raw_shop__product"][0], "of rows without a version the last one landed stays"


def test_what_has_landed_is_still_recognised(many: Settings, write: Write) -> None:
    merge(many)
    again = write(
        "again.jsonl",
        payment(3),
        payment(2, amount=5),
        customer(1, "name 3", "2026-01-25T00:00:00Z"),
        {"kind": "product", "id": "x", "name": "product 0"},
        {"kind": "product", "id": "x", "name": "product 2"},
    )
    report = land(SHOP, [again], "demo", many)
    assert report.tables["payment"].as_dict() == {"read": 2, "landed": 0, "duplicate": 1, "quarantined": 1}
    assert report.tables["customer"].duplicate == 1
    # of rows without a version only the latest is the same again: product 0 was, product 2 was an earlier one
    assert report.tables["product"].as_dict() == {"read": 2, "landed": 1, "duplicate": 1, "quarantined": 0}


def test_what_is_large_is_not_written_again_for_a_few_small_ones(many: Settings, write: Write) -> None:
    def merged() -> list[tuple[int, int]]:
        return [(d.files_before, d.files_after) for d in merge(many) if d.table == "payment"]

    large = write("large.jsonl", *(payment(1000 + n, city=f"city {n * 7919}") for n in range(3000)))
    land(SHOP, [large], "demo", many)
    assert merged() == [(4, 1)], "the small ones alone"
    land(SHOP, [write("next.jsonl", payment(7000))], "demo", many)
    assert merged() == [], "a large, a middling and a small one wait for more"


def test_a_reader_that_looked_before_the_switch_reads_on(many: Settings) -> None:
    looked = [str(p.path) for p in parts(many) if p.table == "payment"]
    merge(many, GRACE)
    with duckdb.connect() as engine:
        assert engine.execute("select count(*) from read_parquet($1)", [looked]).fetchall() == [(8,)]
    with build_lock(many):
        assert delete_leftovers(many, NO_GRACE) == 0, "a load may have looked before"
    assert all(map(exists, looked))
    assert delete_leftovers(many) == 0, "nor is anything deleted within the hour"
    assert delete_leftovers(many, NO_GRACE) == 16
    assert not any(map(exists, looked))


def merge(settings: Settings, grace: timedelta = NO_GRACE, **other: Any) -> list[Compacted]:
    return compact(settings, **{"fewest": 3, "grace": grace, **other})


def exists(path: str) -> bool:
    return Path(path).exists()


def test_a_backup_keeps_each_file_once(many: Settings) -> None:
    from warehouse.backup.snapshot import held

    merge(many)
    with held(many, False) as snapshot:
        lake = [item.name for item in snapshot.items if item.name.startswith("lake/raw")]
    assert len(lake) == len(set(lake)) == 4


def test_files_of_unlike_columns_stay_apart(settings: Settings, write: Write) -> None:
    from dataclasses import replace

    from nexus.contracts import Column

    wider = replace(
        SHOP,
        tables=tuple(
            replace(t, columns=(*t.columns, Column("colour"))) if t.name == "payment" else t for t in SHOP.tables
        ),
    )
    for n in range(6):
        land(wider if n % 2 else SHOP, [write(f"{n}.jsonl", payment(n))], "demo", settings)
    before = rows(settings)
    (done,) = merge(settings)
    assert (done.files_before, done.files_after) == (6, 2)
    assert rows(settings) == before


def test_the_quarantine_is_merged_and_says_the_same(settings: Settings, write: Write) -> None:
    landings = [
        land(SHOP, [write(f"{n}.jsonl", payment(n), {"kind": "payment", "id": f"bad {n}"}, "{")], "demo", settings)
        for n in range(4)
    ]
    before = [quarantine.read(settings), *(quarantine.reasons(settings, report.batches) for report in landings)]

    done = {d.part: d for d in merge(settings)}["quarantine"]

    assert (done.table, done.files_before, done.files_after, done.rows) == ("", 4, 1, 8)
    assert len([path for path in settings.lake.glob("quarantine/**/*") if path.is_file()]) == 1
    after = [quarantine.read(settings), *(quarantine.reasons(settings, report.batches) for report in landings)]
    assert after[0].equals(before[0])
    assert after[1:] == before[1:]
    assert len({repr(found) for found in after[1:]}) == 4, "each landing's own"
    assert replaying.replay(settings, SHOP, "demo").tried == 8
    assert [d for d in merge(settings) if d.part == "quarantine"] == [], "there is nothing left to do"


@pytest.mark.parametrize("moment", ["written", "renamed", "switched"])
def test_killed_at_any_point_nothing_is_lost(many: Settings, moment: str) -> None:
    before = rows(many)
    code = f"""
        from warehouse.compact import compact
        compact(settings, fewest=3, checkpoint=die_at({moment!r}))
    """
    assert killed(many, code) == -9
    assert rows(many) == before
    merge(many)
    assert rows(many) == before
    delete_leftovers(many, NO_GRACE)
    assert files(many) == {str(p.path) for p in parts(many)}, "and nothing is left lying"
    load_pending("duckdb", many, SHOP.tables)
    assert len(raw(many)["raw_shop__payment"]) == 8


def test_a_merge_that_would_lose_rows_is_refused(many: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from nexus.errors import NexusError
    from warehouse import compact as module

    before = rows(many)
    real = module.literal
    dropped: Sequence[str] = [str(p.path) for p in parts(many) if p.table == "line"][:1]
    other = next(str(p.path) for p in parts(many) if p.table == "line" and str(p.path) not in dropped)
    monkeypatch.setattr(module, "literal", lambda text: real(other if text in dropped else text))
    with pytest.raises(NexusError, match="would change the rows of a batch"):
        merge(many, source="shop")
    assert rows(many) == before
