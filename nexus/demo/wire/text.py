"""Columns to lines: JSON by string concatenation, and files whose bytes depend on nothing but their content.

Belongs here: encoding, compression, atomic writing, counting. A million JSON lines are built by polars as text, because
building a dict for each costs ten times as much; the values put in are generated here and need no escaping, which the
tests check by parsing every line.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Quoted:
    """A JSON string that is never null: its quotes join the constants around it."""

    value: pl.Expr


def _column(value: pl.Expr | str) -> pl.Expr:
    return pl.col(value) if isinstance(value, str) else value


def text(value: pl.Expr | str) -> Quoted:
    """A JSON string. The column may hold no null: one would make the whole line null."""
    return Quoted(_column(value))


def optional(value: pl.Expr | str) -> pl.Expr:
    """A JSON string, or null."""
    return pl.concat_str(pl.lit('"'), _column(value), pl.lit('"')).fill_null("null")


def number(value: pl.Expr | str) -> pl.Expr:
    """A JSON number or boolean, or null."""
    return _column(value).cast(pl.String).fill_null("null")


def json(shape: Any) -> pl.Expr:
    """JSON text of `shape`: dicts, lists and constants as they are, columns (see `text`, `number`) in their place."""
    pieces: list[str | pl.Expr] = []
    _collect(shape, pieces)
    merged: list[pl.Expr] = []
    constant = ""
    for piece in pieces:
        if isinstance(piece, str):
            constant += piece
            continue
        if constant:
            merged.append(pl.lit(constant))
        merged.append(piece)
        constant = ""
    if constant:
        merged.append(pl.lit(constant))
    return pl.concat_str(merged)


def _collect(shape: Any, pieces: list[str | pl.Expr]) -> None:
    if isinstance(shape, Quoted):
        pieces += ['"', shape.value, '"']
    elif isinstance(shape, pl.Expr):
        pieces.append(shape)
    elif isinstance(shape, Mapping):
        for position, (key, value) in enumerate(shape.items()):
            pieces.append(("{" if position == 0 else ",") + orjson.dumps(key).decode() + ":")
            _collect(value, pieces)
        pieces.append("}" if shape else "{}")
    elif isinstance(shape, list):
        for position, value in enumerate(shape):
            pieces.append("[" if position == 0 else ",")
            _collect(value, pieces)
        pieces.append("]" if shape else "[]")
    else:
        pieces.append(orjson.dumps(shape).decode())


def iso(at: str | pl.Expr, suffix: str = ".000Z") -> pl.Expr:
    """RFC 3339 text of epoch seconds; null where the moment is null."""
    column = pl.col(at) if isinstance(at, str) else at
    return pl.concat_str(pl.from_epoch(column, time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S"), pl.lit(suffix))


def stamp(at: int) -> str:
    """RFC 3339 text of one moment."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def month(at: str) -> pl.Expr:
    return pl.from_epoch(pl.col(at), time_unit="s").dt.strftime("%Y-%m")


class Folder:
    """Writes files below one folder, compressing beside the caller's work, and counts records by file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._pending: list[Future[None]] = []
        self.records: dict[str, int] = {}

    def lines(self, name: str, column: pl.Series, header: str = "", footer: str = "", separator: str = "\n") -> None:
        """One text a row, with `separator` between."""
        self.records[name] = len(column)
        self._submit(name, lambda: _joined(column, header, footer, separator))

    def objects(self, name: str, records: Sequence[Any]) -> None:
        """One JSON document a line."""
        self.records[name] = len(records)
        self._submit(name, lambda: b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in records))

    def encoded(self, name: str, lines: Sequence[bytes]) -> None:
        """JSON documents that are encoded already."""
        self.records[name] = len(lines)
        self._submit(name, lambda: b"\n".join(lines) + (b"\n" if lines else b""))

    def document(self, name: str, value: Any, records: int) -> None:
        self.records[name] = records
        self._submit(name, lambda: orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def monthly(self, pattern: str, frame: pl.DataFrame, at: str, line: pl.Expr, **joined: str) -> None:
        """One file a calendar month (UTC) of `at`; `pattern` holds `{month}`. A month without rows gives none."""
        frame = frame.with_columns(_month=month(at))
        for (name,), part in sorted(frame.group_by("_month", maintain_order=True), key=lambda kv: str(kv[0])):
            self.lines(pattern.format(month=name), part.select(line.alias("line"))["line"], **joined)

    def _submit(self, name: str, make: Any) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._pending.append(self._pool.submit(_write, path, make))

    def close(self) -> None:
        """Waits for every file; raises what went wrong with any."""
        try:
            for future in self._pending:
                future.result()
        finally:
            self._pool.shutdown(cancel_futures=True)


def _joined(column: pl.Series, header: str, footer: str, separator: str) -> bytes:
    if not len(column):
        return (header + footer).encode()
    return (header + str(column.str.join(separator)[0]) + footer + ("" if footer else "\n")).encode()


def _write(path: Path, make: Any) -> None:
    body: bytes = make()
    path.write_bytes(compress(body) if path.suffix == ".gz" else body)


def compress(body: bytes) -> bytes:
    """gzip without name and time, so that equal content gives equal bytes."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
