"""The `parquet` reader: rows as JSON documents.

Belongs here: turning typed rows into documents. Does not belong here: trusting their types (the contract decides).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.land import read
from warehouse.land.sql import quoted

_ROWS = 40_000


def parquet_rows(path: Path, on_read: read.OnRead) -> Iterator[read.Chunk]:
    """Chunks of the rows of `path`; `_line` is the number of the row. An unreadable file is one bad document."""
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        try:
            columns = engine.execute("select * from read_parquet($1) limit 0", [str(path)]).description or []
            fields = ", ".join(f"{quoted(c[0])} := {quoted(c[0])}" for c in columns)
            rows = engine.execute(
                f"select file_row_number + 1 as _line, cast(to_json(struct_pack({fields})) as varchar) as _text "
                "from read_parquet($1, file_row_number = true)",
                [str(path)],
            ).to_arrow_reader(_ROWS)
            for batch in rows:
                yield read.Chunk("doc", read.sliced(pa.Table.from_batches([batch])))
        except duckdb.Error as error:
            reason = f"not readable as Parquet: {str(error).splitlines()[0]}"
            yield read.documents([], [], [read.Bad(1, reason, "")])
    on_read(path.stat().st_size)
