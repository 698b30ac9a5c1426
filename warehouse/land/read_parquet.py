"""The `parquet` reader: rows as JSON documents.

Belongs here: turning typed rows into documents. Does not belong here: trusting their types (the contract decides).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.land.chunk import Bad, Chunk, OnRead, documents, sliced
from warehouse.land.refuse import Unreadable, opened
from warehouse.land.sql import pattern, quoted

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
        last = 0
        try:
            columns = engine.execute("select * from read_parquet($1) limit 0", [pattern(path)]).description or []
            fields = ", ".join(f"{quoted(c[0])} := {quoted(c[0])}" for c in columns)
            rows = engine.execute(
                f"select file_row_number + 1 as _line, cast(to_json(struct_pack({fields})) as varchar) as _text "
                "from read_parquet($1, file_row_number = true)",
                [pattern(path)],
            ).to_arrow_reader(_ROWS)
            for batch in rows:
                last += len(batch)
                yield Chunk("doc", sliced(pa.Table.from_batches([batch])))
        except duckdb.Error as error:
            reason = f"not readable as Parquet: {str(error).splitlines()[0]}"
            if not last:
                raise Unreadable(f"{name}: {reason}", remedy="copy or export it again") from error
            yield documents([], [], [Bad(last + 1, f"{reason}; nothing behind row {last:,} was read", "")])
    on_read(size)
