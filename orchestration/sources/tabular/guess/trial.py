"""A mapping tried on the first rows of its file: how many would land, and why the others would not.

Belongs here: landing's own reading and staging over a few rows, thrown away afterwards. Nothing here lands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from nexus.ids import new_id
from nexus.settings import Settings
from orchestration.sources.tabular.extract import source_for
from orchestration.sources.tabular.guess.dialect import Found
from orchestration.sources.tabular.mapping import Mapping
from warehouse.land.files import InputFile, discover
from warehouse.land.read import Chunk, read
from warehouse.land.sql import staging
from warehouse.land.stage import Stage


@dataclass(frozen=True, slots=True)
class Trial:
    """`landing` counts good records by fact; `reasons` are (why, how many, first line) of the others."""

    rows: int
    landing: dict[str, int]
    reasons: list[tuple[str, int, int]]

    @property
    def refused(self) -> int:
        return sum(count for _, count, _ in self.reasons)


def sample(path: Path, found: Found, rows: int) -> tuple[list[dict[str, str | None]], str]:
    """The first rows as landing reads them, every value as text; and what is wrong with the first that is none."""
    file = InputFile(path, path.name, found.reader, path.stat().st_size, found.dialect)
    texts: list[str] = []
    fault = ""
    for chunk in _first(file, rows):
        texts += chunk.table.column("_text").to_pylist()
        if chunk.bad and not fault:
            fault = f"line {chunk.bad[0].line}: {chunk.bad[0].reason}"
    parsed = [row for text in texts if (row := _row(text))]
    return [{name: _text(value) for name, value in row.items()} for row in parsed], fault


def attempt(mapping: Mapping, path: Path, rows: int, settings: Settings) -> Trial:
    """What landing would make of the first `rows` rows."""
    source = source_for(mapping)
    (file,), _ = discover(source, [path])
    stage = Stage(source, settings, new_id("try"), {0: file.name})
    tried = 0
    try:
        for chunk in _first(file, rows):
            tried += len(chunk.table) + len(chunk.bad)
            stage.add(chunk, 0)
        stage.flush()
        landing = {
            table.name: stage.run(f"select count(*) from {staging(table)} where _reason is null")[0][0]
            for table in source.tables
        }
        pieces = [f"select _reason, _line from {staging(t)} where _reason is not null" for t in source.tables]
        reasons = stage.run(
            f"""select regexp_replace(_reason, '"[^"]*"', '…', 'g') as why, count(*) as n, min(_line),
                       arg_min(_reason, _line)
                from ({" union all ".join([*pieces, "select _reason, _line from faults"])})
                group by why order by n desc, why"""
        )
    finally:
        stage.close()
    return Trial(tried, landing, [(example, count, line) for _, count, line, example in reasons])


def _first(file: InputFile, rows: int) -> Iterator[Chunk]:
    """Chunks of the file until there are enough rows, the last one cut."""
    left = rows
    for chunk in read(file, lambda _: None):
        table = chunk.table.slice(0, left)
        last = table.column("_line")[-1].as_py() if len(table) == left else None
        yield replace(chunk, table=table, bad=[b for b in chunk.bad if last is None or b.line <= last])
        left -= len(table)
        if left <= 0:
            return


def _row(text: str) -> dict[str, Any]:
    """The object in a line; empty for what is none, which the trial counts."""
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return row if isinstance(row, dict) else {}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else orjson.dumps(value).decode()
