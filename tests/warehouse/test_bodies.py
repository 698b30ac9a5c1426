"""Records that have landed before: known by the hash of their body, and where that differs by what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.conftest import Write, customer, payment
from tests.warehouse.test_land import counts, lake
from warehouse import quarantine, replaying
from warehouse.land import land, land_records
from warehouse.land.alike import form
from warehouse.land.rows import hexadecimal, record_hash

TEXTS = [
    json.dumps(payment(1, rate=1.5, note="é", list=[1, {"a": None}])),
    '{"kind":"payment", "id":"p1"}\r\n', '{"id": 1}\n', '{"id":1}\n', '{"id":1}', '{ "id":1 }', '{\n "id": 1\n}', '{"id":1.50}\n',
]  # fmt: skip


def test_blanks_between_values_do_not_count() -> None:
    with duckdb.connect() as engine:
        query = f"select {hexadecimal(record_hash())} from (select unnest($1::varchar[])::json as doc)"
        found = [row[0] for row in engine.execute(query, [TEXTS]).fetchall()]
        dense = f"select {hexadecimal(record_hash(dense=True))} from (select $1::json as doc)"
        assert engine.execute(dense, ['{"id":1}\n']).fetchall() == [(found[3],)]
    assert len(found[2]) == 16
    assert found[2] == found[3] == found[4] == found[6]
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    "spelt",
    [
        payment(1, rate=1.50, city="é", tags=["a"]),
        json.dumps(payment(1, rate=1.5, city="é", tags=["a"]), separators=(",", ":"), ensure_ascii=False),
        json.dumps(payment(1, rate=1.5, city="é", tags=["a"])).replace("1.5,", "1.500,"),
        json.dumps(payment(1, rate=1.5, city="é", tags=["a"])).replace("{", "{ ").replace('":', '"\t:'),
        json.dumps(payment(1, rate=1.5, city="é", tags=["a"]), sort_keys=True),
    ],
)
def test_another_spelling_is_the_same_record(
    settings: Settings, shop: Source, write: Write, spelt: str | dict[str, object]
) -> None:
    text = json.dumps(payment(1, rate=1.5, city="\u00e9", tags=["a"]))
    land(shop, [write("a.jsonl", text)], "demo", settings)
    other = payment(2, amount=7)
    report = land(shop, [write("b.jsonl", spelt, other, json.dumps(other, separators=(",", ":")))], "demo", settings)
    assert counts(report)[1:] in ((1, 2, 0), (0, 0, 0)), "the same, or the same file"
    assert lake(settings, "payment")["id"].n_unique() == len(lake(settings, "payment"))


def test_the_order_of_names_does_not_count_within_values_either(settings: Settings, shop: Source, write: Write) -> None:
    first = payment(1, tags={"b": [{"d": 1, "c": 2}], "a": 1}, more={"y": 1, "x": {"w": 1, "v": 2}})
    land(shop, [write("a.jsonl", first)], "demo", settings)
    again, other = json.dumps(first, sort_keys=True), first | {"more": {"x": {"w": 2, "v": 1}, "y": 1}}
    assert counts(land(shop, [write("b.jsonl", again, other)], "demo", settings)) == (2, 0, 1, 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True), ('"é"', '"\\u00e9"', True), ("[1, 2]", "[2, 1]", False), ("1.50", "1.5", False),
        ('{"a": "1"}', '{"a": 1}', False), ('{"a": {}}', '{"a": []}', False), ('{"a": 1, "a": 2}', '{"a": 2, "a": 1}', False), ("{", "{ ", False),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + " " + "]" * 5000, False),
    ],
)  # fmt: skip
def test_texts_that_say_the_same_have_one_form(one: str, other: str, same: bool) -> None:
    assert (form(one) == form(other)) is same


def test_another_value_is_another_record(settings: Settings, shop: Source, write: Write) -> None:
    """Of a named field, of an unnamed one, of one that is missing, and of one that is JSON."""
    land(shop, [write("a.jsonl", payment(1, city="x", tags=["a"], more={"a": 1}))], "demo", settings)
    others = [
        payment(1, city="y", tags=["a"], more={"a": 1}), payment(1, city="x", tags=["a"], more={"a": 2}),
        payment(1, tags=["a"], more={"a": 1}), payment(1, city="x", tags=["b"], more={"a": 1}),
    ]  # fmt: skip
    assert counts(land(shop, [write("b.jsonl", *others)], "demo", settings)) == (4, 0, 0, 4)
    assert len(quarantine.read(settings)) == 4


def as_before(settings: Settings) -> None:
    """Makes the hashes of the lake those that earlier releases wrote: an MD5 in hexadecimal."""
    for path in settings.lake.glob("raw/**/*.parquet"):
        before = path.with_suffix(".before")
        path.rename(before)
        duckdb.execute(
            f"""copy (select * replace (md5(_record_hash) as _record_hash)
                      from read_parquet('{before}', hive_partitioning = false)) to '{path}'"""
        )
        before.unlink()


def test_records_of_an_earlier_release_are_known(settings: Settings, shop: Source, write: Write) -> None:
    product = {"kind": "product", "id": "x", "name": "n", "colour": "red"}
    records = [payment(1, more={"a": [1, None]}), payment(2), customer(1, "A", "2026-01-01"), product]
    land(shop, [write("a.jsonl", *records)], "demo", settings)
    as_before(settings)
    again = write(
        "b.jsonl", *records, payment(2, amount=6), customer(1, "B", "2026-01-01"), product | {"colour": "blue"}
    )
    assert counts(land(shop, [again], "demo", settings)) == (7, 2, 4, 1)
    report = land_records(shop, [product | {"colour": "blue"}, product], "demo", settings)
    assert (report.landed, report.duplicate) == (1, 1), "blue is what stands last, and red comes back"


def test_and_known_by_a_contract_that_names_more(settings: Settings, shop: Source, write: Write) -> None:
    """Fields that lie in `_extra` of the lake, one of them inside an object, are columns of today's contract."""
    records = [payment(n, level=n, place={"zip": "1", "at": "2026-01-02"}) for n in range(3)]
    land(shop, [write("a.jsonl", *records)], "demo", settings)
    as_before(settings)
    table: Table = shop.tables[0]
    columns = (*table.columns, Column("level", Kind.integer), Column("placed_at", Kind.timestamp, path="place.at"))
    today = replace(shop, tables=(replace(table, columns=columns), *shop.tables[1:]))
    others = [records[1] | {"level": 5}, records[2] | {"place": {"zip": "1"}}]
    assert counts(land(today, [write("b.jsonl", *records, *others, payment(3))], "demo", settings)) == (6, 1, 3, 2)


def test_a_replay_knows_them_too(settings: Settings, shop: Source, write: Write, tmp_path: Path) -> None:
    spelt = json.dumps(payment(1)).replace("100", "1e2")
    table = replace(shop.tables[0], columns=tuple(c for c in shop.tables[0].columns if c.name != "status"))
    strict = Column("status", values=("never",))
    before = replace(shop, tables=(replace(table, columns=(*table.columns, strict)), *shop.tables[1:]))
    assert counts(land(before, [write("a.jsonl", spelt)], "demo", settings)) == (1, 0, 0, 1)
    land(shop, [write("b.jsonl", payment(1))], "demo", settings)
    found = replaying.replay(settings, shop, "demo")
    assert (found.tried, found.landed, found.duplicate) == (1, 0, 1)
