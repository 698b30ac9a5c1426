"""Lines of one shape are parsed once; a line of any other shape is found, whatever makes it look alike."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.conftest import Write, payment
from tests.warehouse.test_land import counts, lake
from tests.warehouse.test_usual import unordered
from warehouse import ledger, quarantine
from warehouse.land import batch, land, shapes
from warehouse.land.documents import Documents, tagged
from warehouse.land.faults import Faults
from warehouse.land.json_scan import spelt
from warehouse.land.read import lines
from warehouse.land.rows import one_shape, rows_of, usual_rows
from warehouse.land.statements import Statements
from warehouse.land.typist import Typist
from warehouse.land.unnamed import Shape

TABLE = Table(
    "plain", "event",
    (
        Column("id"), Column("n", Kind.integer), Column("at", Kind.timestamp), Column("city", path="place.city"),
        Column("never"), Column("deep", path="none.of.these"),
    ),
    id="id", select="select _line, _text, doc from documents",
)  # fmt: skip
PLAIN = Source("plain", "Plain", (TABLE,), readers={"*.jsonl": "jsonl"})
USUAL = '{"id":"x","n":1,"at":"2026-01-02T03:04:05Z","place":{"city":"Ulm","zip":"1"},"more":2.5}'
#: Lines of another shape or spelling, most of which have as many colons behind quotation marks as a usual one.
OTHERS = [
    USUAL.replace('"more":2.5', '"other":2.5'), USUAL.replace('"more":2.5', '"more" :2.5,"hidden":1'),
    USUAL.replace('"more":2.5', '"more"\t:2.5'), USUAL.replace('"more":2.5', '"more":{"a":1}'),
    USUAL.replace('"more":2.5', '"more":"a\\":b"'), USUAL.replace('"n":1,', '"a\\":b":1,'),
    USUAL.replace('"more":2.5', '"more":2.5,"extra":1'), USUAL.replace(',"more":2.5', ""), USUAL.replace('"n":1', '"n":"7 "'),
    USUAL.replace('{"city":"Ulm","zip":"1"}', "null"), USUAL.replace('{"city":"Ulm","zip":"1"}', '[{"city":"Ulm","zip":"1"}]'),
    USUAL.replace('"n":1', '"id":"twice"'), USUAL.replace('"Ulm"', '{"a":1}'), USUAL.replace('"zip":"1"', '"b":1'),
    USUAL.replace('"x"', '"a\\u0000"'), USUAL.replace(":", ": "), USUAL.replace('"n":1', '"n":null'), "{}", "5",
]  # fmt: skip


def parts(engine: duckdb.DuckDBPyConnection) -> tuple[Documents, Typist]:
    engine.execute("set timezone = 'UTC'")
    engine.execute("set variable file_names = map {0: 'a'}")
    statements, faults = Statements(engine, "plain"), Faults(engine, PLAIN)
    return Documents(engine, PLAIN, statements, faults), Typist(engine, PLAIN, statements)


def test_what_a_look_at_the_lines_tells() -> None:
    data = b'{"a":1,"b":{"c":"x:y"}}\n{"a" :1}\n{"a":"q\\":"}\n{"a":1}\n'
    ends, spelling = spelt(data)
    assert (ends.tolist(), spelling.names.tolist()) == ([24, 33, 46, 54], [3, -1, 2, 1])
    assert (spelling.dense, spelling.escapes) == (True, True)
    assert [spelt(text)[1].dense for text in (b'{"a": 1}\n', b'{"a":1, "b":2}\n', b'{"a":"b, c"}\n', b'{"a":1}\r\n')] == [
        False, False, True, False,
    ]  # fmt: skip
    assert spelt(b"")[0].tolist() == []


def test_a_shape_with_names_that_cannot_be_told_apart_is_not_one() -> None:
    assert one_shape(TABLE, Shape((("id", "place", "x"), ("city",), None, None))) == 4
    assert one_shape(TABLE, Shape((("id", "ID"), None, None, None))) is None
    assert one_shape(TABLE, Shape((("id", "place"), None, None, None))) is None


@pytest.mark.parametrize("at", [None, *range(len(OTHERS))])
def test_a_line_of_another_shape_is_read_as_closely_as_ever(at: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_SAMPLE", 8)
    statements: list[str] = []
    monkeypatch.setattr(shapes, "usual_rows", lambda *a, **k: statements.append(usual_rows(*a, **k)) or statements[-1])
    texts = [USUAL] * 20 + ([OTHERS[at]] if at is not None else []) + [USUAL] * 3
    with duckdb.connect() as engine:
        relation, typist = parts(engine)
        (chunk,) = lines(iter(["".join(f"{text}\n" for text in texts).encode()]), "json")
        relation.trust(tagged(chunk, 0))
        found = typist.good(TABLE, 1, relation.places, chunk.spelling)
        assert found is not None
        query = f"with picked as ({TABLE.select}) {rows_of(TABLE, explain=False, sink=True)}"
        expected = engine.execute(query).to_arrow_table()
    assert found.schema.names == expected.schema.names
    for one, other, text in zip(found.to_pylist(), expected.to_pylist(), texts, strict=True):
        assert unordered(one) == unordered(other), text
    assert "json_transform_strict" in statements[0]
    assert typist.unnamed["event"] == (
        {"more"} if at is None or OTHERS[at] == USUAL.replace('"n":1', '"n":null') else None
    )


def test_shapes_that_change_from_piece_to_piece(
    settings: Settings, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "_SAMPLE", 4)
    monkeypatch.setattr("warehouse.land.stage.CHUNK_BYTES", 2_000)
    monkeypatch.setattr("warehouse.land.text.PIECE_BYTES", 2_000)
    monkeypatch.setattr("warehouse.land.stream.BLOCK", 700)
    texts = [USUAL.replace('"x"', f'"x{n}"').replace('"n":1', f'"n":{n}') for n in range(400)]
    texts[150:160] = [t.replace('"more"', '"less"') for t in texts[150:160]]
    texts[300:310] = [t.replace('"more":2.5', '"more":2.5,"again":null') for t in texts[300:310]]
    texts[350] = "nonsense"
    report = land(PLAIN, [write("a.jsonl", *texts)], "demo", settings)
    assert counts(report) == (400, 399, 0, 1)
    assert report.new_columns == {"raw_plain__event": ["again", "less", "more"]}
    rows = lake(settings, "event")
    kept = [json.loads(t) for n, t in enumerate(texts) if n != 350]
    assert rows["n"].to_list() == [r["n"] for r in kept]
    assert [json.loads(e) for e in rows["_extra"]] == [
        {"place": {"zip": "1"}, **{k: r[k] for k in ("more", "less", "again") if k in r}} for r in kept
    ]


@pytest.fixture
def hashed_while_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_LARGE", 0)


@pytest.mark.usefixtures("hashed_while_read")
def test_a_file_that_is_hashed_while_it_is_read_lands_once(settings: Settings, shop: Source, write: Write) -> None:
    first = land(shop, [write("a.jsonl", payment(1), {"kind": "line", "item": "x"})], "demo", settings)
    again = land(shop, [write("b.jsonl", payment(1), {"kind": "line", "item": "x"})], "demo", settings)
    other = land(shop, [write("c.jsonl", payment(2), {"kind": "line", "item": "x"})], "demo", settings)
    assert [counts(each) for each in (first, again, other)] == [(2, 2, 0, 0), (2, 0, 2, 0), (2, 2, 0, 0)]
    assert again.repeated_files == ["b.jsonl"]
    twice = [write(f"two/{name}.jsonl", {"kind": "line", "item": "y"}) for name in "de"]
    assert counts(land(shop, [twice[0].parent], "demo", settings)) == (2, 1, 1, 0)


@pytest.mark.usefixtures("hashed_while_read")
def test_the_hash_is_that_of_the_whole_file(settings: Settings, shop: Source, tmp_path: Path) -> None:
    """Of a packed file as well, and of one that breaks before its end."""
    text = "".join(json.dumps(payment(n)) + "\n" for n in range(3)).encode()
    export = tmp_path / "export"
    export.mkdir()
    (export / "a.jsonl.gz").write_bytes(gzip.compress(text))
    (export / "b.jsonl.gz").write_bytes(gzip.compress(text) + b"broken" * 200_000)
    (export / "c.jsonl").write_bytes(text.replace(b"p1", b"p9"))
    land(shop, [export], "demo", settings)
    again = land(shop, [export], "demo", settings)
    assert again.repeated_files == ["a.jsonl.gz", "b.jsonl.gz", "c.jsonl"]
    with ledger.connect(settings) as connection:
        assert len(ledger.batches(connection)) == 1
    assert len(quarantine.read(settings)) == 1
