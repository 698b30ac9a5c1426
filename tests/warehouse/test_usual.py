"""The short ways of landing give what the long ones give: usual spellings, shapes of documents, pieces read ahead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import duckdb
import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.conftest import Write, payment
from tests.warehouse.test_land import counts, lake
from warehouse import quarantine
from warehouse.land import land, shapes
from warehouse.land.ahead import ahead
from warehouse.land.chunk import documents
from warehouse.land.documents import Documents, tagged
from warehouse.land.faults import Faults
from warehouse.land.rows import rows_of, usual_rows
from warehouse.land.statements import Statements
from warehouse.land.typist import Typist

THING = Table(
    "any", "thing",
    (
        Column("id"), Column("n", Kind.integer, minimum=0), Column("rate", Kind.decimal), Column("ok", Kind.boolean),
        Column("at", Kind.timestamp), Column("ms", Kind.timestamp, format="epoch_ms"), Column("day", Kind.date),
        Column("tags", Kind.json), Column("status", values=("a", "b")), Column("city", path="place.city"),
        Column("lat", Kind.decimal, path="place.point.lat"), Column("second", path="list[1]"),
    ),
    id="id", select="select _line, _text, doc from documents",
)  # fmt: skip
SOURCE = Source("any", "Any", (THING,), readers={"*.jsonl": "jsonl"})
#: Values as they are usual, then others.
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "id": (["x1", "x2", "x3"], [None, 7, "[x]", "{x", {"a": 1}, "a\u0000b", ""]),
    "n": ([0, 1, 22], ["3", " 4 ", 5.0, -1, True, "", "7.5", 2**63, [1], "n"]),
    "rate": ([1.5, 2, 0.25], ["1.50", " 2 ", 1e20, "x", True, None, 10.125e-7]),
    "ok": ([True, False], ["true", "yes", 1, 0, "", None, {}]),
    "at": (["2026-01-02T03:04:05Z", "2026-01-02 03:04:05+02:00"], [" 2026-01-02", "infinity", "", 5, None]),
    "ms": ([1_767_225_604_336], ["1767225604336", 1767225604336.5, 10**17, "", None]),
    "day": (["2026-01-02"], ["2026-13-02", "", 5, None]),
    "tags": ([["a"], {"k": 1}], ["a", None, {"k": "\u0000"}, []]),
    "status": (["a", "b"], ["c", None, ""]),
    "place": (
        [{"city": "Ulm", "point": {"lat": 1.5}}, {"city": "Bonn", "point": {"lat": 2, "lon": 3}, "zip": "1"}],
        [{}, None, 5, "x", [1], {"city": None}, {"point": 7}, {"point": {}}, {"city": {"a": 1}}, {"point": {"lon": None}}],
    ),
    "list": ([[1, 2]], [[], [1], None, "x"]),
    "more": (["plain", 1, 2.5], [None, {"a": [1, {}]}, 'quo"te\\', "é\n", 1e300, True]),
}  # fmt: skip


def made(seed: int, count: int, strange: float) -> list[str]:
    """Documents of few shapes with mostly usual values, some in another spelling and order."""
    random = Random(seed)
    texts = []
    for number in range(count):
        names = [n for n in VALUES if n != "more" or number % 3]
        if random.random() < strange:
            random.shuffle(names)
            names = names[: random.randint(0, len(names))]
        pairs = {n: random.choice(VALUES[n][random.random() < strange]) for n in names}
        text = json.dumps(pairs, ensure_ascii=number % 2 == 0, separators=random.choice([(",", ":"), (", ", ": ")]))
        if random.random() < strange / 4:
            text = f'{{"id":"twice",{text[1:]}' if len(text) > 2 else '{"place":{"zip":1,"zip":2}}'
        texts.append(text)
    return texts


def unordered(row: dict[str, Any]) -> dict[str, Any]:
    """The row without regard to the order of names in `_extra`, and with numbers as they are spelt there."""
    return row | {"_extra": row["_extra"] and json.loads(row["_extra"], parse_float=str, parse_int=str)}


def parts(engine: duckdb.DuckDBPyConnection) -> tuple[Documents, Typist]:
    engine.execute("set timezone = 'UTC'")
    engine.execute("set variable file_names = map {0: 'a'}")
    statements, faults = Statements(engine, "any"), Faults(engine, SOURCE)
    return Documents(engine, SOURCE, statements, faults), Typist(engine, SOURCE, statements)


@pytest.mark.parametrize("strange", [0.0, 0.02, 0.3])
def test_what_is_typed_the_short_way_is_what_a_close_look_gives(
    strange: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "_SAMPLE", 64)
    statements: list[str] = []
    monkeypatch.setattr(shapes, "usual_rows", lambda *a: statements.append(usual_rows(*a)) or statements[-1])
    with duckdb.connect() as engine:
        relation, typist = parts(engine)
        for piece in range(4):
            texts = made(piece, 400, strange)
            relation.trust(tagged(documents(list(range(1, 401)), texts, []), 0))
            found = typist.good(THING, piece, relation.places)
            assert found is not None
            query = f"with picked as ({THING.select}) {rows_of(THING, explain=False, sink=True)}"
            expected = engine.execute(query).to_arrow_table()
            assert found.schema.names == expected.schema.names
            for one, other, text in zip(found.to_pylist(), expected.to_pylist(), texts, strict=True):
                assert unordered(one) == unordered(other), text
            bad = engine.execute(f"select count(*) from s_thing where _chunk = {piece}").fetchall()
            assert bad == [(sum(row["_bad"] for row in expected.to_pylist()),)]
    # documents of the first two kinds are of few shapes, and these were told by their keys
    assert any("json_merge_patch" not in text for text in statements) == (strange < 0.1)


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ({"city": "Ulm", "point": {"lat": 1}}, None), ({}, None), (None, None), ({"point": {}}, None),
        ({"city": "Ulm", "zip": "1"}, {"place": {"zip": "1"}}), (5, {"place": 5}), ([1], {"place": [1]}),
        ({"point": {"lat": 1, "lon": 2}}, {"place": {"point": {"lon": 2}}}), ({"point": "x"}, {"place": {"point": "x"}}),
        ({"zip": {}}, {"place": {"zip": {}}}),
    ],
)  # fmt: skip
def test_nothing_is_left_of_an_object_whose_fields_are_all_named(place: Any, left: Any) -> None:
    with duckdb.connect() as engine:
        relation, typist = parts(engine)
        relation.trust(tagged(documents([1], [json.dumps({"id": "x", "place": place})], []), 0))
        rows = typist.good(THING, 1, relation.places)
    assert rows is not None
    (extra,) = rows["_extra"].to_pylist()
    assert (extra and json.loads(extra)) == left


def test_a_line_of_more_documents_than_can_be_numbered_waits_in_quarantine(
    settings: Settings, shop: Source, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.land.documents.CROWD", 5)
    crowd = json.dumps([payment(n) for n in range(10, 16)])
    page = json.dumps({"page": [payment(n) for n in range(20, 26)]})
    lines = [payment(1), crowd, page, json.dumps([payment(2), payment(3)]), payment(4)]
    assert counts(land(shop, [write("a.jsonl", *lines)], "demo", settings)) == (6, 4, 0, 2)
    assert lake(settings, "payment")["id"].sort().to_list() == ["p1", "p2", "p3", "p4"]
    entries = quarantine.read(settings).sort("source_line")
    assert entries["source_line"].to_list() == [2, 3]
    assert entries["reason"].unique().to_list() == ["holds more than 5 documents in one line"]
    assert entries["raw_text"].to_list() == [crowd, page]


def test_pieces_that_are_not_json_throughout_among_others(
    settings: Settings, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source of one table reads those by another way, and goes back to the first one."""
    monkeypatch.setattr("warehouse.land.stage.CHUNK_BYTES", 600)
    monkeypatch.setattr("warehouse.land.text.PIECE_BYTES", 600)
    monkeypatch.setattr("warehouse.land.stream.BLOCK", 200)
    lines = [json.dumps({"id": f"x{n}", "n": n, "place": {"city": "Ulm"}}) for n in range(100)]
    lines[20], lines[60] = "nonsense", '{"id": "cut'
    assert counts(land(SOURCE, [write("a.jsonl", *lines)], "demo", settings)) == (100, 98, 0, 2)
    rows = lake(settings, "thing")
    assert rows["n"].to_list() == [n for n in range(100) if n not in (20, 60)]
    assert quarantine.read(settings)["source_line"].sort().to_list() == [21, 61]


def test_folders_whose_names_are_patterns_to_the_engine(settings: Settings, shop: Source, write: Write) -> None:
    odd = settings.model_copy(update={"home": settings.home.parent / "a[1]*b?"})
    land(shop, [write("a.jsonl", payment(1), payment(2), "nonsense")], "demo", odd)
    report = land(shop, [write("b.jsonl", payment(2), payment(2, amount=7), payment(3))], "demo", odd)
    assert counts(report) == (3, 1, 1, 1)
    assert len(quarantine.read(odd)) == 2
    assert [reason.count for reason in quarantine.reasons(odd, report.batches)] == [1]


def test_what_reading_ahead_raises_comes_after_what_was_read() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield 1
            yield 2
            raise ValueError("broken")
        finally:
            closed.append(True)

    taken: list[int] = []

    def take() -> None:
        taken.extend(ahead(source()))

    with pytest.raises(ValueError, match="broken"):
        take()
    assert (taken, closed) == ([1, 2], [True])
    for _ in ahead(source()):
        break
    assert list(ahead(iter([]))) == []
