"""Documents that are scanned by their spelling give what a close look gives, or are left to it."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.conftest import Write
from tests.warehouse.test_land import counts, lake
from tests.warehouse.test_usual import unordered
from warehouse import quarantine
from warehouse.land import land, stencils
from warehouse.land.chunk import documents
from warehouse.land.documents import Documents, tagged
from warehouse.land.faults import Faults
from warehouse.land.rows import rows_of
from warehouse.land.scanned import Scanner
from warehouse.land.statements import Statements
from warehouse.land.stencil import allows, stencil
from warehouse.land.stencils import Stencils
from warehouse.land.texts import Texts, takes
from warehouse.land.typist import Typist

pytestmark = pytest.mark.usefixtures("library")
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
    "2026-01-02T03:04:05.Z", "2026-01-02T03:04Z", "2026-01-02T24:00:00Z", "2026-01-02T24:30:00Z", "2026-01-02T23:59:60Z", "2026-01-02T03:04:05+02:00",
    "2026-01-02T03:04:05-05:30", "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05+15:00", "2026-01-02T03:04:05+02", "2026-01-02T03:04:05z",
    "2026-01-02t03:04:05Z", "2026-01-02T03:04:05 Z", "2026-01-02T03:04:05 +02:00", "2026-01-02T03:04:05+14:59", "2026-01-02T03:04:05-00:00",
    "2026-01-02Z", "infinity", "2026-01-02T", "2026-01-02T03:04:05UTC", "2026/01/02",
]  # fmt: skip
OTHERS = [
    "1}", "1}x", "1} ", "null", "true", "false", "True", "nul", "{}", "[]", "[1,2]", "[1, 2]", '{"a":1}', '{"a": 1}', '{"a":{}}', "[[]]", "[1.50]", "[1e5]", "[-0]",
    '{"a":1,"a":2}', '{"a":[true,false,null,"x",{"b":[]}],"c":0.5}', '{"city":"Bonn"}', '{"point":{"lat":2}}', '{"city":null,"point":null,"zip":null}',
    "[" * 70 + "]" * 70, '{"k\\u00e9":1}', '{"a":1', "[1", '"open', '{"a":"\\u0000"}', '["\\u0000"]', "{,}", "[,]", "[1,]", '{"a":}', '{"a"}', "",
]  # fmt: skip
RAW = [*NUMBERS, *(json.dumps(t, ensure_ascii=False) for t in TEXTS), *(json.dumps(t) for t in TEXTS), *OTHERS]
#: Comma, colon, and how many of `RAW` are passed over.
SPELLINGS = [(",", ":", 1), (", ", ": ", 3), (" , ", " :\t", 7)]


def spelt(document: dict[str, Any], comma: str = ",", colon: str = ":") -> dict[str, str]:
    """Raw JSON of each value."""
    return {name: json.dumps(value, separators=(comma, colon), ensure_ascii=False) for name, value in document.items()}


def written(values: dict[str, str], comma: str = ",", colon: str = ":") -> str:
    return "{" + comma.join(f"{json.dumps(name)}{colon}{value}" for name, value in values.items()) + "}"


def listed(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows, times as numbers: Python's end in 9999."""
    number = {pa.timestamp("us"): pa.int64(), pa.date32(): pa.int32()}
    kinds = [number.get(field.type, field.type) for field in rows.schema]
    return rows.cast(pa.schema(zip(rows.schema.names, kinds, strict=True))).to_pylist()


def as_texts(texts: list[str]) -> Texts:
    return Texts(pa.table({"_line": np.arange(len(texts)), "_text": pa.array(texts)}), lambda: pa.table({}))


def compared(texts: list[str], table: Table = THING) -> tuple[list[str], frozenset[str] | None]:
    """Compares the rows of `texts` with those of a close look; the texts that were scanned, and which fields are unnamed."""
    source = Source("plain", "Plain", (table,), readers={"*.jsonl": "jsonl"})
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        engine.execute("set variable file_names = map {0: 'a'}")
        statements, faults = Statements(engine, "plain"), Faults(engine, source)
        relation, typist = Documents(engine, source, statements, faults), Typist(engine, source, statements)
        engine.register("texts", pa.table({"n": range(len(texts)), "t": pa.array(texts, pa.string())}))
        json_ones = engine.execute("select n from texts where try_cast(t as json) is not null order by n").fetchall()
        good = [texts[n] for (n,) in json_ones]
        scanned = Stencils(table, engine).rows(as_texts(texts))
        taken = [t for t, odd in zip(texts, scanned[1].tolist(), strict=True) if not odd] if scanned else []
        assert set(taken) <= set(good), "what is no JSON was taken"
        piece = tagged(documents(list(range(1, len(good) + 1)), good, []), 0)
        relation.trust(piece)
        # what an earlier piece has left behind shows nowhere
        typist._stencils[table.name].rows(as_texts(good[::-1]))
        found = typist.good(table, 1, relation.places, None, Texts(piece, relation.kinds))
        query = f"with picked as ({table.select}) {rows_of(table, explain=False, sink=True)}"
        expected = engine.execute(query).to_arrow_table()
        assert found is not None
        assert (found.schema.names, found.schema.types) == (expected.schema.names, expected.schema.types)
        for one, other, text in zip(listed(found), listed(expected), good, strict=True):
            assert unordered(one) == unordered(other), text
        return taken, typist.unnamed[table.name]


@pytest.fixture
def whatever_is_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencils, "_TOO_MANY", 1.0)


@pytest.mark.usefixtures("whatever_is_odd")
@pytest.mark.parametrize(("comma", "colon", "each"), SPELLINGS)
def test_whatever_stands_in_a_field_is_read_as_a_close_look_would_or_left_to_one(
    comma: str, colon: str, each: int
) -> None:
    usual = spelt(USUAL, comma, colon) | {"list": '[1,{"a":null}]'}
    texts = [written(usual, comma, colon)] * 60
    texts += [
        written(usual | {name: value}, comma, colon) for name in usual for value in RAW[::each] if "\n" not in value
    ]
    plain = {
        "at": '"2024-02-29"',
        "n": '"1"',
        "status": "null",
        "more": '{"a":1}',
        "list": "1.5",
        "rate": "0.0001",
        "s": "-1",
    }
    told = {written(usual | {name: value}, comma, colon) for name, value in plain.items()}
    taken = set(compared([*texts, *told])[0])
    # it is not that everything is left to a close look
    assert told <= taken


@pytest.mark.usefixtures("whatever_is_odd")
def test_characters_at_every_place_of_texts_of_every_length() -> None:
    """Texts are looked at eight bytes at once, and what is left of them one by one."""
    usual = spelt(USUAL)
    characters = ["\t", "\x00", "\x1f", " ", "!", "\x7f", "\\n", "\\u0041", '\\"', "\\", '"', "é", "\u0080", "😀"]
    strings = [f'"{"x" * before}{c}{"y" * behind}"' for c in characters for before in range(10) for behind in (0, 1, 8)]
    texts = [written(usual | {name: string}) for name in ("id", "more") for string in strings]
    taken = set(compared([written(usual)] * 20 + texts)[0])
    plain = [written(usual | {"id": string}) for string in strings if not set(string[1:-1]) & set('\t\x00\x1f\\"')]
    assert set(plain) <= taken


@pytest.mark.usefixtures("whatever_is_odd")
@given(seed=st.integers(0, 2**32), table=st.sampled_from([THING, replace(THING, id=None), replace(THING, id="n")]))
@runs(max_examples=12, deadline=None)
def test_lines_with_bytes_that_were_changed_lost_and_added(seed: int, table: Table) -> None:
    random = Random(seed)
    usual = written(spelt(USUAL))
    texts = [usual] * 10
    for _ in range(150):
        text = usual
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(text))
            piece = random.choice(
                ['"', "\\", ",", ":", "{", "}", "[", "]", "0", "9", "-", ".", "e", " ", "null", "\u00e9", "", "", ""]
            )
            text = text[:at] + piece + text[at + random.randint(0, 2) :]
        texts.append(text[: random.randint(0, len(text))] if random.random() < 0.1 else text)
    compared(texts, table)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128])
def test_columns_end_where_the_next_ones_begin(count: int) -> None:
    others = {"day2": "2020-02-29", "n2": -3, "rate2": 0.5, "ok2": True, "city2": "Bonn"}
    kinds = dict(zip(others, (Kind.date, Kind.integer, Kind.decimal, Kind.boolean, Kind.string), strict=True))
    table = replace(THING, columns=(*THING.columns, *(Column(name, kind) for name, kind in kinds.items())))
    texts = [written(spelt(USUAL | others | {"n": n, "ok": n % 3 == 0})) for n in range(count)]
    assert compared(texts, table)[0] == texts


def test_of_documents_that_are_named_throughout_nothing_is_left() -> None:
    named = {k: v for k, v in USUAL.items() if k not in ("more", "list", "place")} | {"place": {"city": "Ulm"}}
    texts = [written(spelt(document)) for document in (named, USUAL) for _ in range(20)]
    assert compared(texts)[0] == texts


def test_whoever_reads_ahead_hears_of_scanning_while_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    take, heard = Scanner.take, []
    with duckdb.connect() as engine:
        stencils_, texts = Stencils(THING, engine), as_texts([written(spelt(USUAL))] * 5)
        monkeypatch.setattr(Scanner, "take", lambda self, texts: heard.append(stencils_.used) or take(self, texts))
        assert stencils_.rows(texts)
        assert stencils_.rows(texts)
        assert (heard, stencils_.used) == ([False, False, True], True)
        assert stencils_.rows(as_texts(["{}"] * 5)) is None
        assert not stencils_.used


def test_documents_of_several_spellings_teach_as_many() -> None:
    names = ["more", "n", "rate", "place", "never", "ok", "s"]
    values = spelt(USUAL | {"never": "was"})
    few = [written({k: v for k, v in values.items() if k != left}) for left in names]
    texts = [few[n % len(few)] for n in range(200)]
    taken, unnamed = compared(texts)
    assert (taken, unnamed) == (texts, {"more", "list"})


def test_odd_documents_that_teach_nothing_stand_before_others_that_do() -> None:
    usual, other = spelt(USUAL), spelt({k: v for k, v in USUAL.items() if k != "more"})
    texts = [written(usual)] * 20 + [written(usual | {"id": '"a\\"b"'})] * 5 + [written(other)] * 20
    taken, _ = compared(texts)
    assert taken == [*texts[:20], *texts[25:]]


def test_documents_that_are_all_spelt_otherwise_are_left_to_statements() -> None:
    assert compared([written(spelt(USUAL | {f"field{n}": n})) for n in range(100)])[0] == []
    assert compared([written(spelt(USUAL | {"at": None})) for _ in range(100)])[0] == []


@pytest.mark.parametrize(
    "text",
    ["", "5", "[]", "{}", '{"id":"x"}', '{"id":"x","at":1', '{"id":"x","at":1}x', '{"id":"x","id":"y","at":1}', '{"id":"x","ID":"y","at":1}',
     '{"id":"x","\\u0061t":1}', '{"id":"x","at":1,"place":5}', '{"id":"x","at":1,"place":{}}', '{"id":"x","at":1,"place":[{"city":"y"}]}'],
)  # fmt: skip
def test_a_document_that_tells_nothing_about_others(text: str) -> None:
    assert stencil(THING, text) is None
    assert stencil(THING, '{"id":"x","at":1,"place":null}') is not None


@pytest.mark.parametrize(
    "column",
    [Column("tags", Kind.json), Column("first", path="list[0]"), Column("all", path="$"), Column("inner", path="id.x"), Column("same", path="id"),
     Column("seen", Kind.timestamp, format="%d.%m.%Y"), Column("born", Kind.date, format="%d.%m.%Y"), Column("word", minimum=1),
     Column("one", Kind.integer, values=("1",))],
    ids=lambda column: column.name,
)  # fmt: skip
def test_columns_that_spelling_does_not_tell(column: Column) -> None:
    assert allows(THING)
    assert not allows(replace(THING, columns=(*THING.columns, column)))
    assert not allows(replace(THING, id="at"))


@pytest.mark.parametrize("key", ["\0", "a\0b", '"\0'])
def test_a_key_that_holds_the_mark_of_a_value_is_for_a_close_look(key: str) -> None:
    text = json.dumps({"id": "x", "at": "2026-01-02", key: 1}, separators=(",", ":"))
    assert stencil(THING, text) is None
    assert stencil(THING, text.replace(json.dumps(key), '"plain"')) is not None


@pytest.mark.parametrize(
    ("select", "expected"),
    [("select _line, _text, doc from documents", (True, None)), (" select _line,  _text, doc\nfrom documents where _kind = 'a b' ", (True, "a b")),
     ("select _line, _text, doc from documents where _kind = 'a' or true", (False, None)),
     ("select _line, _text, doc->'$.x' as doc from documents", (False, None)),
     ("select _line, _text, doc from documents where _kind = 'it''s'", (False, None))],
)  # fmt: skip
def test_tables_that_take_documents_as_they_are(select: str, expected: tuple[bool, str | None]) -> None:
    assert takes(replace(THING, select=select)) == expected


@pytest.mark.usefixtures("every_file")
def test_pieces_in_which_nothing_is_of_the_table(settings: Settings, write: Write) -> None:
    kind = "case when (doc->'$.at') is not null then 'thing' end"
    source = replace(
        SOURCE,
        kind=kind,
        tables=(replace(THING, select="select _line, _text, doc from documents where _kind = 'thing'"),),
    )
    others = [f'{{"other":{n}}}' for n in range(400)]
    lines = [*others, *(written(spelt(USUAL) | {"id": f'"x{n}"'}) for n in range(100)), *others]
    assert counts(land(source, [write("a.jsonl", *lines)], "demo", settings)) == (900, 100, 0, 800)
    assert lake(settings, "thing")["_source_line"].to_list() == list(range(401, 501))


@pytest.mark.usefixtures("every_file")
@pytest.mark.parametrize("tables", [1, 2])
def test_documents_of_several_kinds_in_one_file(
    settings: Settings, write: Write, monkeypatch: pytest.MonkeyPatch, tables: int
) -> None:
    scanned: list[int] = []
    take = Scanner.take
    monkeypatch.setattr(Scanner, "take", lambda self, texts: scanned.append(len(texts)) or take(self, texts))
    kind = "case when (doc->'$.item') is not null then 'line' when (doc->'$.at') is not null then 'thing' end"
    thing = replace(THING, select="select _line, _text, doc from documents where _kind = 'thing'")
    line = Table(
        "plain",
        "line",
        (Column("item", required=True),),
        None,
        "select _line, _text, doc from documents where _kind = 'line'",
    )
    source = replace(SOURCE, kind=kind, tables=(thing, line)[:tables])
    values = spelt(USUAL)
    lines = [written(values | {"id": f'"x{n}"'}) if n % 3 else f'{{"item":"i{n}","more":{n}}}' for n in range(240)]
    lines[5], lines[100] = '{"what":1}', "nonsense"
    report = land(source, [write("a.jsonl", *lines)], "demo", settings)
    outside = 2 if tables == 2 else 82
    assert counts(report) == (240, 240 - outside, 0, outside)
    assert lake(settings, "thing")["_source_line"].to_list() == [
        n + 1 for n in range(240) if n % 3 and n not in (5, 100)
    ]
    if tables == 2:
        assert lake(settings, "line")["item"].to_list() == [f"i{n}" for n in range(0, 240, 3)]
        assert set(lake(settings, "line")["_extra"]) >= {'{"more":0}', '{"more":237}'}
    assert sum(scanned) > 150


@pytest.mark.usefixtures("every_file")
def test_a_conflict_keeps_its_text_however_its_hash_was_made(settings: Settings, write: Write) -> None:
    source = replace(SOURCE, tables=(replace(THING, nature="event"),))
    values = spelt(USUAL)
    lines = [written(values | {"id": f'"x{n}"'}) for n in range(240)]
    others = {n: written(values | {"id": f'"x{n}"', "rate": "9.50", "more": f'"{text}"'}) for n, text in
              ((200, "a, "), (210, ": b"), (220, "c"))}  # fmt: skip
    report = land(source, [write("a.jsonl", *lines, *others.values())], "demo", settings)
    assert counts(report) == (243, 240, 0, 3)
    found = quarantine.read(settings).sort("source_line")
    assert [(json.loads(raw)["id"], json.loads(raw)["rate"]) for raw in found["raw_text"]] == [
        (f"x{n}", 9.5) for n in others
    ]
