"""A line that is found wrong late in a full piece: the engine tells of it while its rows are taken, not before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import Settings
from tests.warehouse.test_land import counts, lake
from warehouse import quarantine
from warehouse.land import land

#: More than the engine takes at once before it hands over its first rows.
LINES = 40_000
COLUMNS = (Column("id"), Column("at", Kind.timestamp), Column("version"))
ONE = Source(
    "one", "One", (Table("one", "event", COLUMNS, id="id", select="select _line, _text, doc from documents"),),
    readers={"*.jsonl": "jsonl"},
)  # fmt: skip
TWO = Source(
    "two", "Two",
    (
        Table("two", "event", COLUMNS, id="id", select="select _line, _text, doc from documents where _kind = 'a'"),
        Table("two", "other", COLUMNS, id="id", select="select _line, _text, doc from documents where _kind = 'b'"),
    ),
    kind="doc->>'kind'", readers={"*.jsonl": "jsonl"},
)  # fmt: skip


def lines() -> list[str]:
    usual = {"at": "2026-08-13T15:58:20.353Z", "kind": "a", "version": "0"}
    return [json.dumps({"id": f"m{n}", **usual}, separators=(",", ":")) for n in range(LINES)]


@pytest.mark.parametrize("source", [ONE, TWO], ids=lambda s: s.name)
@pytest.mark.parametrize("at", [LINES // 2, LINES - 1])
def test_a_line_that_is_no_json_is_quarantined_alone(
    settings: Settings, tmp_path: Path, source: Source, at: int
) -> None:
    texts = lines()
    texts[at] = "nonsense"
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(texts) + "\n")
    assert counts(land(source, [path], "demo", settings)) == (LINES, LINES - 1, 0, 1)
    [entry] = quarantine.read(settings)["quarantine_id"]
    assert quarantine.show(settings, entry)["raw_text"] == "nonsense"


@pytest.mark.parametrize("source", [ONE, TWO], ids=lambda s: s.name)
@pytest.mark.parametrize("at", [LINES // 2, LINES - 1])
def test_a_field_that_is_missing_late_is_null(settings: Settings, tmp_path: Path, source: Source, at: int) -> None:
    texts = lines()
    texts[at] = texts[at].replace(',"version":"0"', "")
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(texts) + "\n")
    assert counts(land(source, [path], "demo", settings)) == (LINES, LINES, 0, 0)
    assert lake(settings, "event")["version"].null_count() == 1
