"""The `parquet` reader: rows as JSON documents.

Belongs here: turning typed rows into documents. Does not belong here: trusting their types (the contract decides).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.land.chunk import CHUNK_BYTES, SCHEMA, SLICE, Bad, Chunk, OnRead, documents
from warehouse.land.refuse import Unreadable, opened
from warehouse.land.sql import pattern, quoted
from warehouse.land.stream import HARMLESS, RATIO

_ROWS = 40_000


def parquet_rows(path: Path, name: str, on_read: OnRead) -> Iterator[Chunk]:
    """Chunks of the rows of `path`; `_line` is the number of the row. A damaged page ends it with one bad document.

    Raises Unreadable when not even its schema can be read.
    """
    with opened(path) as handle:
        head = handle.read(4)
        size = handle.seek(0, 2)
        handle.seek(max(size - 4, 0))
        tail = handle.read(4)
    if not size:
        return
    if head != b"PAR1" or tail != b"PAR1":
        whole = "is cut off before its end" if head == b"PAR1" else "is no Parquet file"
        raise Unreadable(f"{name} {whole}", remedy="copy or export it again")
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        # what is typed meanwhile takes the other cores, and each thread would hold a row group
        engine.execute("set threads = 1")
        last, fault = 0, None
        try:
            columns = engine.execute("select * from read_parquet($1) limit 0", [pattern(path)]).description or []
            fields = ", ".join(f"{quoted(c[0])} := {quoted(c[0])}" for c in columns)
            rows = engine.execute(
                f"select file_row_number + 1 as _line, cast(to_json(struct_pack({fields})) as varchar) as _text "
                "from read_parquet($1, file_row_number = true)",
                [pattern(path)],
            ).to_arrow_reader(SLICE)
            for piece in _pieces(rows, _Measure(size, sum(len(c[0]) + len('"":null,') for c in columns))):
                last += len(piece)
                yield Chunk("doc", piece)
        except duckdb.Error as error:
            fault = f"not readable as Parquet: {str(error).splitlines()[0]}"
            if not last:
                raise Unreadable(f"{name}: {fault}", remedy="copy or export it again") from error
        except _Bomb:
            fault = f"the Parquet file unpacks to more than {RATIO} times its size"
        if fault:
            yield documents([], [], [Bad(last + 1, f"{fault}; nothing behind row {last:,} was read", "")])
    on_read(size)


class _Bomb(Exception):
    """The file holds out of all proportion more than its size."""


class _Measure:
    """How much has come out of a file of `size` bytes. A row without values is a document of `empty` bytes."""

    def __init__(self, size: int, empty: int) -> None:
        self._most = max(HARMLESS, RATIO * size)
        self._empty = empty
        self._given = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Names of columns do not count, because a file holds them once. Raises _Bomb."""
        self._given += max(rows.nbytes - self._empty * len(rows), len(rows))
        if self._given > self._most:
            raise _Bomb


def _pieces(rows: Iterator[pa.RecordBatch], measure: _Measure) -> Iterator[pa.Table]:
    """The rows put together to pieces, of as few rows as they are large."""
    held: list[pa.RecordBatch] = []
    size = 0
    try:
        for batch in rows:
            measure.add(batch)
            held.append(batch)
            size += batch.nbytes
            if size >= CHUNK_BYTES or len(held) * SLICE >= _ROWS:
                yield pa.Table.from_batches(held, schema=SCHEMA)
                held, size = [], 0
    except (duckdb.Error, _Bomb):
        if held:
            yield pa.Table.from_batches(held, schema=SCHEMA)
        raise
    if held:
        yield pa.Table.from_batches(held, schema=SCHEMA)
