"""Loading: what is in the lake is in the warehouse once, on either engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.conftest import Write, customer, killed, payment
from warehouse.engines import NAMES, open_engine
from warehouse.land import land
from warehouse.load import load_pending


def rows(engine: str, settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with open_engine(engine, settings) as session:
        return session.connection.execute(query).fetchall()  # type: ignore[attr-defined, no-any-return]


CUSTOMERS = "select id, name from raw.raw_shop__customer order by 1"


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_all_raw_tables_exist_even_if_empty(engine: str, settings: Settings, shop: Source) -> None:
    report = load_pending(engine, settings, shop.tables)
    assert report.changes == [f"created {t.relation}" for t in shop.tables]
    assert all(rows(engine, settings, f"select count(*) from raw.{t.relation}") == [(0,)] for t in shop.tables)
    assert load_pending(engine, settings, shop.tables).changes == []


def test_values_arrive_as_they_landed(engine: str, settings: Settings, shop: Source, write: Write) -> None:
    odd = payment(1, address={"city": 'a "b",\nc\\N'}, rate="1.000000001", tags=[1], day="2026-02-03", is_test=True)
    land(shop, [write("a.jsonl", odd, payment(2, address={"city": ""}))], "demo", settings)
    load_pending(engine, settings, shop.tables)
    found = rows(
        engine, settings,
        "select id, city, rate, tags, day, is_test, paid_at, _source_line, _load_seq from raw.raw_shop__payment order by id",
    )  # fmt: skip
    assert [str(v) for v in found[0]] == [
        "p1", 'a "b",\nc\\N', "1.000000001", "[1]", "2026-02-03", "True", "2026-01-02 03:04:05", "1", "1",
    ]  # fmt: skip
    assert found[1][:6] == ("p2", "", None, None, None, None)


def test_only_the_newest_version_of_an_entity_stays(
    engine: str, settings: Settings, shop: Source, write: Write
) -> None:
    def ingest(name: str, *records: dict[str, Any]) -> None:
        land(shop, [write(name, *records)], "demo", settings)

    ingest("a.jsonl", customer(1, "B", "2026-01-02"), customer(1, "A", "2026-01-01"), customer(2, "W", "2025-01-01"))
    ingest("a2.jsonl", customer(2, "X", "2026-01-01"))
    load_pending(engine, settings, shop.tables)
    assert rows(engine, settings, CUSTOMERS) == [("c1", "B"), ("c2", "X")]
    ingest("b.jsonl", customer(1, "older", "2025-12-31"), customer(2, "Y", "2026-01-02"))
    ingest("c.jsonl", customer(2, "older", "2026-01-01"))
    report = load_pending(engine, settings, shop.tables)
    assert rows(engine, settings, CUSTOMERS) == [("c1", "B"), ("c2", "Y")]
    assert report.sequence == 2
    assert rows(engine, settings, "select id, _load_seq from raw.raw_shop__customer order by 1") == [
        ("c1", 1),
        ("c2", 2),
    ]


def test_without_version_the_last_to_land_stays(engine: str, settings: Settings, shop: Source, write: Write) -> None:
    product = {"kind": "product", "id": "x"}
    land(
        shop,
        [write("a.jsonl", *(product | {"name": name} for name in "bab"), product | {"name": "a"})],
        "demo",
        settings,
    )
    load_pending(engine, settings, shop.tables)
    assert rows(engine, settings, "select name from raw.raw_shop__product") == [("a",)]
    land(shop, [write("b.jsonl", product | {"name": "c"})], "demo", settings)
    load_pending(engine, settings, shop.tables)
    assert rows(engine, settings, "select name from raw.raw_shop__product") == [("c",)]


def test_loading_again_changes_nothing(engine: str, settings: Settings, shop: Source, write: Write) -> None:
    line = {"kind": "line", "item": "x"}
    land(shop, [write("a.jsonl", payment(1), line, line)], "demo", settings)
    first = load_pending(engine, settings, shop.tables)
    again = load_pending(engine, settings, shop.tables)
    assert first.rows == {"raw_shop__payment": 1, "raw_shop__line": 2}
    assert again.rows == {}
    assert rows(engine, settings, "select count(*) from raw.raw_shop__line") == [(2,)]


def changed(shop: Source, *columns: Column) -> Source:
    def table(t: Table) -> Table:
        if t.name != "payment":
            return t
        kept = [c for c in t.columns if c.name not in {n.name for n in columns}]
        return replace(t, columns=(*kept, *columns))

    return replace(shop, tables=tuple(table(t) for t in shop.tables))


def test_a_contract_may_gain_a_column(engine: str, settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", payment(1, colour="red"))], "demo", settings)
    load_pending(engine, settings, shop.tables)
    wider = changed(shop, Column("colour"))
    land(wider, [write("b.jsonl", payment(2, colour="blue"))], "demo", settings)
    report = load_pending(engine, settings, wider.tables)
    assert report.changes == ["added raw_shop__payment.colour"]
    assert rows(engine, settings, "select id, colour from raw.raw_shop__payment order by 1") == [
        ("p1", None),
        ("p2", "blue"),
    ]


def test_a_contract_may_change_a_type(engine: str, settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", payment(1))], "demo", settings)
    load_pending(engine, settings, shop.tables)
    as_text = changed(shop, Column("amount", Kind.string))
    land(as_text, [write("b.jsonl", payment(2, amount="100 USD"))], "demo", settings)
    load_pending(engine, settings, as_text.tables)
    assert rows(engine, settings, "select id, amount from raw.raw_shop__payment order by 1") == [
        ("p1", "100"), ("p2", "100 USD"),
    ]  # fmt: skip


@pytest.mark.parametrize("point", ["schema", "loaded raw_shop__customer", "loaded raw_shop__payment"])
def test_a_killed_load_is_made_good(engine: str, settings: Settings, shop: Source, write: Write, point: str) -> None:
    line = {"kind": "line", "item": "x"}
    land(shop, [write("a.jsonl", payment(1), line, line, customer(1, "A", "2026-01-01"))], "demo", settings)
    code = f"""
        from warehouse.load import load_pending
        load_pending({engine!r}, settings, SHOP.tables, checkpoint=die_at({point!r}))
    """
    assert killed(settings, code) == -9
    load_pending(engine, settings, shop.tables)
    counts = [rows(engine, settings, f"select count(*) from raw.{t.relation}")[0][0] for t in shop.tables]
    assert counts == [1, 1, 0, 2]
