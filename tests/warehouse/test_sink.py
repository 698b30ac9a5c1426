"""Large batches: rows go to their file piece by piece, and what must not land is taken out of it again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.conftest import Write, payment
from tests.warehouse.test_land import counts, lake
from warehouse import quarantine
from warehouse.land import land, sink, stage, text


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk holds some ten records, a row group some forty."""
    monkeypatch.setattr(text, "PIECE_BYTES", 1_000)
    monkeypatch.setattr(stage, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(sink, "_GROUP_BYTES", 10_000)
    monkeypatch.setattr("warehouse.land.stream.BLOCK", 700)


def test_repeats_conflicts_and_faults_of_many_pieces(settings: Settings, shop: Source, write: Write) -> None:
    records = [payment(n) for n in range(300)]
    records[100] = payment(7)  # the same again, far from the first
    records[200] = payment(8, amount=5)  # another body
    records[250] = payment(250, amount="x")
    path = write("a.jsonl", *records[:150], "nonsense", *records[150:])
    assert counts(land(shop, [path], "demo", settings)) == (301, 297, 1, 3)
    rows = lake(settings, "payment")
    gone = {100, 200, 250}
    assert rows["id"].to_list() == [f"p{n}" for n in range(300) if n not in gone]
    assert rows["_source_line"].to_list() == [n + 1 + (n >= 150) for n in range(300) if n not in gone]
    entries = quarantine.read(settings)
    assert dict(zip(entries["source_line"], entries["reason"].str.slice(0, 20), strict=True)) == {
        151: "not JSON: malformed ", 202: 'id: "p8" has landed ', 252: "amount: expected int",
    }  # fmt: skip
    assert json.loads(entries.filter(entries["source_line"] == 202)["raw_text"][0])["amount"] == 5


def test_a_later_batch_knows_what_has_landed(settings: Settings, shop: Source, write: Write) -> None:
    land(shop, [write("a.jsonl", *[payment(n) for n in range(0, 200)])], "demo", settings)
    report = land(shop, [write("b.jsonl", *[payment(n) for n in range(150, 350)])], "demo", settings)
    assert counts(report) == (200, 150, 50, 0)
    assert lake(settings, "payment")["id"].n_unique() == 350


def test_the_newest_of_an_entity_stands_last_whatever_the_order_of_its_records(
    settings: Settings, shop: Source, write: Write
) -> None:
    """The select gives the second half of a chunk first."""
    product = next(t for t in shop.tables if t.name == "product")
    select = "select _line, _text, doc from documents where (doc->>'$.name') {} 'n100' and _kind = 'product'"
    turned = replace(product, select=f"{select.format('>=')} union all {select.format('<')}")
    source = replace(shop, tables=tuple(turned if t is product else t for t in shop.tables))
    records = [{"kind": "product", "id": f"x{n % 3}", "name": f"n{n:03}"} for n in range(90, 110)]
    records += [{"kind": "product", "id": "x0", "name": "n101"}]
    report = land(source, [write("a.jsonl", *records)], "demo", settings)
    assert report.landed == 21
    rows = lake(settings, "product")
    assert rows["_source_line"].to_list() == list(range(1, 22))
    assert rows["name"][-1] == "n101"


def test_columns_that_one_pass_cannot_reach(settings: Settings, write: Write) -> None:
    """Inside of a field that is a column itself, elements of arrays, the whole document, names that differ in case."""
    table = Table(
        "odd", "thing",
        (
            Column("id"), Column("data", Kind.json), Column("inner", path="data.object.id"), Column("second", path="list[1]"),
            Column("upper", path="Name"), Column("name"), Column("whole", Kind.json, path="$"), Column("deep", path="a.b.c"),
        ),
        id="id", select="select _line, _text, doc from documents",
    )  # fmt: skip
    source = Source("odd", "Odd", (table,), readers={"*.jsonl": "jsonl"})
    record = {
        "id": 1, "data": {"object": {"id": "o1"}}, "list": [1, 2], "Name": "A", "name": "b", "a": {"b": {"c": None}}
    }  # fmt: skip
    assert counts(land(source, [write("a.jsonl", record)], "demo", settings)) == (1, 1, 0, 0)
    row = lake(settings, "thing").row(0, named=True)
    assert [row[c] for c in ("id", "inner", "second", "upper", "name", "deep")] == ["1", "o1", "2", "A", "b", None]
    assert (json.loads(row["data"]), json.loads(row["whole"])) == (record["data"], record)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), (" 7 ", 7), ("+7", 7), ("7.0", 7), ("7e2", 700), ("007", 7), ("-0", 0), ("7.5", None), ("", None),
        ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None),
    ],
)  # fmt: skip
def test_integers_in_every_spelling(
    settings: Settings, shop: Source, write: Write, text: str, value: int | None
) -> None:
    columns = (Column("id"), Column("n", Kind.integer))
    table = replace(shop.tables[0], columns=columns)
    source = replace(shop, tables=(table, *shop.tables[1:]))
    report = land(source, [write("a.jsonl", payment(1, n=text))], "demo", settings)
    if value is None and text:
        assert report.quarantined == 1
    else:
        assert lake(settings, "payment")["n"].to_list() == [value]
