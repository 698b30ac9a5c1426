"""Documents that are scanned by their spelling give what a close look gives, or are left to it."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from nexus.contracts import Column, Kind, Source, Table
from tests.warehouse.test_usual import unordered
from warehouse.land import native, stencils
from warehouse.land.chunk import documents
from warehouse.land.documents import Documents, tagged
from warehouse.land.faults import Faults
from warehouse.land.rows import rows_of
from warehouse.land.statements import Statements
from warehouse.land.typist import Typist

THING = Table(
    "plain", "thing",
    (
        Column("id"), Column("n", Kind.integer, minimum=-5), Column("amount_minor", Kind.integer),
        Column("rate", Kind.decimal, minimum=0), Column("ok", Kind.boolean), Column("at", Kind.timestamp, required=True),
        Column("s", Kind.timestamp, format="epoch"), Column("ms", Kind.timestamp, format="epoch_ms"), Column("day", Kind.date),
        Column("status", values=("a", "béta", "")), Column("city", path="place.city"), Column("lat", Kind.decimal, path="place.point.lat"),
        Column("never"),
    ),
    id="id", select="select _line, _text, doc from documents",
)  # fmt: skip
SOURCE = Source("plain", "Plain", (THING,), readers={"*.jsonl": "jsonl"})
USUAL = {
    "id": "x1", "n": 1, "amount_minor": 100, "rate": 1.5, "ok": True, "at": "2026-01-02T03:04:05Z", "s": 1_767_225_604,
    "ms": 1_767_225_604_336, "day": "2026-01-02", "status": "a", "place": {"city": "Ulm", "point": {"lat": 1.5, "lon": 2}, "zip": "1"},
    "more": "plain", "list": [1, {"a": None}],
}  # fmt: skip
#: Raw JSON that may stand where a value stands, for each field: all that a scan might take for something else.
NUMBERS = [
    "0", "-0", "1", "-1", "01", "-5", "-6", "1.5", "1.50", "1.0", "-0.0", "-0.5", "0.000001", "0.0001", "0.00012", "1e5", "1E5", "1.5e3", "5.",
    ".5", "+1", "123456789.123456", "123456789.1234567", "1234567890.5", "0.1234567891", "999999999.999999999", "12345678901234567",
    "1234567890123456789", "9223372036854775807", "9223372036854775808", "100000000000001", "1000000000000001", "-62135596801",
    "253402300799", "253402300800", "253402300799999", "253402300800000", "NaN", "Infinity", "1 ", " 1", "0.10", "100.000",
]  # fmt: skip
TEXTS = [
    "", "a", "béta", "c", "x\x7f", "é", "😀", "{x", "[x]", "null", "true", "1", "1.5", " 1", "1 ", "-0", "007", "1e3", "0.5", "\t", "a\nb", 'q"', "b\\",
    "2026-01-02", "2026-1-2", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-12-00",
    "0001-01-01", "0000-01-01", "9999-12-31", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5Z", "0002-01-01", "9998-12-31T23:59:59Z",
    "2026-01-02T03:04:05", "2026-01-02 03:04:05", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.1234567Z",
    "2026-01-02T03:04:05.Z", "2026-01-02T03:04Z", "2026-01-02T24:00:00Z", "2026-01-02T23:59:60Z", "2026-01-02T03:04:05+02:00",
    "2026-01-02T03:04:05-05:30", "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05+15:00", "2026-01-02T03:04:05+02", "2026-01-02T03:04:05z",
    "2026-01-02t03:04:05Z", "2026-01-02T03:04:05 Z", "2026-01-02T03:04:05 +02:00", "2026-01-02T03:04:05+14:59", "2026-01-02T03:04:05-00:00",
    "2026-01-02Z", "infinity", "2026-01-02T", "2026-01-02T03:04:05UTC", "2026/01/02",
]  # fmt: skip
OTHERS = [
    "null", "true", "false", "True", "nul", "{}", "[]", "[1,2]", "[1, 2]", '{"a":1}', '{"a": 1}', '{"a":{}}', "[[]]", "[1.50]", "[1e5]", "[-0]",
    '{"a":1,"a":2}', '{"a":[true,false,null,"x",{"b":[]}],"c":0.5}', '{"city":"Bonn"}', '{"point":{"lat":2}}', '{"city":null,"point":null,"zip":null}',
    "[" * 70 + "]" * 70, '{"k\\u00e9":1}', '{"a":1', "[1", '"open', '{"a":"\\u0000"}', '["\\u0000"]', "{,}", "[,]", "[1,]", '{"a":}', '{"a"}', "",
]  # fmt: skip
RAW = [*NUMBERS, *(json.dumps(t, ensure_ascii=False) for t in TEXTS), *(json.dumps(t) for t in TEXTS), *OTHERS]


@pytest.fixture(scope="module", autouse=True)
def machine_code() -> None:
    assert native.library().result() is not None


def written(pairs: dict[str, Any], comma: str = ",", colon: str = ":") -> str:
    """Fields whose values are raw JSON already."""
    return "{" + comma.join(f"{json.dumps(name)}{colon}{value}" for name, value in pairs.items()) + "}"


def raw(document: dict[str, Any], comma: str = ",", colon: str = ":") -> dict[str, str]:
    return {name: json.dumps(value, separators=(comma, colon), ensure_ascii=False) for name, value in document.items()}


def listed(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows, times as numbers: Python's end in 9999."""
    number = {pa.timestamp("us"): pa.int64(), pa.date32(): pa.int32()}
    kinds = [number.get(field.type, field.type) for field in rows.schema]
    return rows.cast(pa.schema(zip(rows.schema.names, kinds, strict=True))).to_pylist()


def compared(texts: list[str], table: Table = THING) -> tuple[float, frozenset[str] | None]:
    """Compares rows by spelling with those of a close look; the share of documents that were scanned, and what is unnamed."""
    source = Source("plain", "Plain", (table,), readers={"*.jsonl": "jsonl"})
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        engine.execute("set variable file_names = map {0: 'a'}")
        statements, faults = Statements(engine, "plain"), Faults(engine, source)
        relation, typist = Documents(engine, source, statements, faults), Typist(engine, source, statements)
        engine.register("texts", pa.table({"t": pa.array(texts, pa.string())}))
        taken = {t for (t,) in engine.execute("select t from texts where try_cast(t as json) is not null").fetchall()}
        good = [t for t in texts if t in taken]
        scanned = typist._stencils[table.name].rows(pa.chunked_array([pa.array(texts)]), np.arange(len(texts)))
        if scanned is not None:
            # what is no JSON is never taken
            assert all(odd for odd, text in zip(scanned[1].tolist(), texts, strict=True) if text not in taken)
        if not good:
            return 0.0, None
        piece = tagged(documents(list(range(1, len(good) + 1)), good, []), 0)
        relation.trust(piece)
        found = typist.good(table, 1, relation.places, None, piece["_text"])
        assert found is not None
        query = f"with picked as ({table.select}) {rows_of(table, explain=False, sink=True)}"
        expected = engine.execute(query).to_arrow_table()
        assert found.schema.names == expected.schema.names
        assert found.schema.types == expected.schema.types
        for one, other, text in zip(listed(found), listed(expected), good, strict=True):
            assert unordered(one) == unordered(other), text
        odd = 1.0 if scanned is None else scanned[1].mean()
        return 1 - float(odd), typist.unnamed[table.name]
