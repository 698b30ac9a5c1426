"""Good rows of one table on their way into the lake: written as they come, so that memory does not grow with a batch.

Belongs here: the file under its temporary name, and beside it, for each row, the hash of its id and its place.
Does not belong here: which rows are good (sql.py), and which of them have been seen before (merge.py).

Whatever has to be left out later is few rows or none; only then the file is written a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexus.contracts import Table
from warehouse.land.arrow import hexadecimal, numbers
from warehouse.land.growing import Growing
from warehouse.land.keys import Hashes
from warehouse.land.places import file_of, line_of
from warehouse.land.write import Written, lake_path, sealed, temporary

#: Rows of one row group, unless they are large.
GROUP_ROWS = 122_880
_GROUP_BYTES = 8 * 1024 * 1024
#: Columns of values that never repeat.
_UNIQUE = ("_record_key", "_extra")
#: As many values tell whether a dictionary of them would be thrown away.
_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class Batch:
    """What all rows of a batch have in common. `files` are names by number."""

    source: str
    workspace: str
    batch_id: str
    landed_at: datetime
    files: Mapping[int, str]
    lake: Path
    scratch: Path


class Sink:
    """Takes the good rows of `table`; one thread of `pool` writes them."""

    def __init__(self, table: Table, batch: Batch, pool: ThreadPoolExecutor) -> None:
        self.table = table
        self.target = lake_path("raw", batch.source, table.name, batch.workspace, batch.batch_id)
        self._path = temporary(batch.lake / self.target, "rows")
        self.rows = 0
        self.counts: Counter[int] = Counter()
        self.in_order = True
        #: Fields at the top of all `_extra`; None where somebody has to look.
        self.unnamed: frozenset[str] | None = frozenset()
        self._batch = batch
        self._pool = pool
        #: Rows as they came, and how many stand before them.
        self._waiting: list[tuple[int, pa.Table]] = []
        self._writer: pq.ParquetWriter | None = None
        self._growing: Growing | None = None
        self._writing: Future[None] | None = None
        self._sealing: Future[Written] | None = None
        self._last = -1
        self._spools = {name: (batch.scratch / f"{table.name}.{name}").open("wb") for name in ("docs", "keys")}
        self._path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        """The file; after `close`, with everything taken in it."""
        if self._sealing is not None:
            self._sealing.result()
        return self._path

    @property
    def waiting_bytes(self) -> int:
        return sum(found.nbytes for _, found in self._waiting)

    def add(self, found: pa.Table, unnamed: frozenset[str] | None = None) -> None:
        """Takes rows with the contract's columns, `_record_hash`, `_extra`, `_doc` and, where there is an id, `_key`.

        `unnamed` are the fields at the top of their `_extra`, where that is known.
        """
        self.unnamed = None if unnamed is None or self.unnamed is None else self.unnamed | unnamed
        docs = found["_doc"].to_numpy()
        self.in_order = self.in_order and docs[0] > self._last and bool((docs[1:] >= docs[:-1]).all())
        self._last = int(docs[-1])
        self.counts.update({file: n for file, n in enumerate(np.bincount(file_of(docs)).tolist()) if n})
        docs.tofile(self._spools["docs"])
        if self.table.id:
            found["_key"].to_numpy().tofile(self._spools["keys"])
        self._waiting.append((self.rows, found))
        self.rows += len(found)
        if self.rows - self._waiting[0][0] >= GROUP_ROWS or self.waiting_bytes >= _GROUP_BYTES:
            self.write()

    def _complete(self, before: int, found: pa.Table) -> pa.Table:
        """`found` with the columns that every table of the lake has; `before` counts the rows that precede them."""
        count, batch, docs = len(found), self._batch, found["_doc"].to_numpy()
        names = [batch.files.get(n, "") for n in range(max(batch.files) + 1)]
        if self.table.id:
            key = found[self.table.id].cast(pa.string())
        else:
            key = pa.array([f"{batch.batch_id}/{n}" for n in range(before + 1, before + count + 1)])
        columns: dict[str, Any] = {"workspace_id": _same(batch.workspace, count)}
        columns |= {c.name: found[c.name] for c in self.table.columns}
        columns |= {
            "_record_key": key,
            "_record_hash": hexadecimal(found["_record_hash"].to_numpy()),
            "_batch_id": _same(batch.batch_id, count),
            "_source_file": pa.DictionaryArray.from_arrays(numbers(file_of(docs).astype(np.int32)), pa.array(names)),
            "_source_line": numbers(line_of(docs)),
            "_landed_at": _same(batch.landed_at, count, pa.timestamp("us")),
            "_extra": found["_extra"],
        }
        return pa.table(columns)

    def write(self) -> None:
        """Hands what has been taken to the writing thread, once that has done what it was given before."""
        if not self._waiting:
            return
        taken, self._waiting = self._waiting, []
        if self._writing is not None:
            self._writing.result()
        self._writing = self._pool.submit(self._write, taken)

    def _write(self, taken: list[tuple[int, pa.Table]]) -> None:
        group = pa.concat_tables([self._complete(*each) for each in taken])
        if self._writer is None or self._growing is None:
            self._writer, self._growing = writer(self._path, group, self.table.id), Growing(self._path)
        self._writer.write_table(group, row_group_size=GROUP_ROWS)
        self._growing.grown()

    def close(self) -> None:
        """Nothing is taken any more. What is left is written, and the file made durable, beside what the caller does."""
        self._sealing = self._pool.submit(self._end, self._writing, self._waiting)
        self._waiting = []
        for spool in self._spools.values():
            spool.close()

    def _end(self, before: Future[None] | None, rest: list[tuple[int, pa.Table]]) -> Written:
        if before is not None:
            before.result()
        if rest:
            self._write(rest)
        assert self._writer is not None, "a table without rows has no sink"
        assert self._growing is not None
        self._writer.close()
        return Written(
            "raw", self.table.name, self.target, self._path, self.rows, self._path.stat().st_size, self._growing.whole()
        )

    def sealed(self, without: np.ndarray) -> Written:
        """The file, durable, without the rows that must not land. After `close`."""
        written = self._sealing.result() if self._sealing else None
        rows = self.without(without) if len(without) else self.rows
        # the newest of an entity without version is the one that stands last
        ordered = self.in_order or self.table.nature != "entity" or bool(self.table.version)
        if not ordered:
            self.sort(without)
        if written and ordered and not len(without):
            return written
        return sealed("raw", self.table.name, self.target, self.path, rows)

    def abandon(self) -> None:
        """Lets go of everything; the file is not one that counts, or has been written already."""
        for spool in self._spools.values():
            spool.close()
        if self._growing is not None:
            self._growing.close()
        if self._writer is not None:
            # only a landing that has failed comes here, and what it failed of may also keep the file from being closed
            with suppress(OSError, pa.ArrowException):
                self._writer.close()

    def docs(self) -> np.ndarray:
        """Place of each row, in the order of the file. After `close`."""
        return _mapped(self._spools["docs"].name, np.int64)

    def keys(self) -> Hashes:
        """Hash of the id of each row, in the order of the file. After `close`."""
        return Hashes(Path(self._spools["keys"].name))

    def valid(self, column: str, file: int | None) -> int:
        """Rows of a file (or of all) in which `column` has a value. After `close`."""
        if not self.rows:
            return 0
        there = np.concatenate([part[column].is_valid().to_numpy() for part in self.groups([column])])
        return int(there.sum() if file is None else (there & (file_of(self.docs()) == file)).sum())

    def groups(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        with pq.ParquetFile(self.path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns=columns)

    def without(self, rows: np.ndarray) -> int:
        """Writes the file anew without these rows; how many are left."""
        keep = np.ones(self.rows, dtype=bool)
        keep[rows] = False
        anew, begin = temporary(self.path, "anew"), 0
        made: pq.ParquetWriter | None = None
        for group in self.groups():
            made = made or writer(anew, group, self.table.id)
            made.write_table(
                group.filter(pa.array(keep[begin : begin + len(group)].tolist())), row_group_size=GROUP_ROWS
            )
            begin += len(group)
        if made is not None:
            made.close()
            anew.replace(self.path)
        return int(keep.sum())

    def sort(self, without: np.ndarray) -> None:
        """Writes the file anew in the order of the documents. It holds the rows but those `without`."""
        keep = np.ones(self.rows, dtype=bool)
        keep[without] = False
        whole = pq.read_table(self.path)
        ordered = whole.take(numbers(np.argsort(self.docs()[keep], kind="stable")))
        with writer(self.path, ordered, self.table.id) as made:
            made.write_table(ordered, row_group_size=GROUP_ROWS)


def writer(path: Path, like: pa.Table, unique: str | None) -> pq.ParquetWriter:
    """Parquet as every batch of the lake is written, for rows like these; `unique` names their id."""
    encodings = {
        f.name: "DELTA_BINARY_PACKED" for f in like.schema if pa.types.is_int64(f.type) or pa.types.is_timestamp(f.type)
    }
    # all are of one length, which is written once: a tenth smaller, a third sooner written, and half as long to read
    encodings["_record_hash"] = "DELTA_LENGTH_BYTE_ARRAY"
    repeated = [
        n for n in like.schema.names if n not in encodings and n not in (*_UNIQUE, unique) and _repeats(like[n])
    ]
    ordered = [field.name for field in like.schema if not pa.types.is_string(field.type)]
    return pq.ParquetWriter(
        path, like.schema, compression="zstd", compression_level=1, use_dictionary=repeated, column_encoding=encodings,
        write_statistics=ordered, store_schema=False,
    )  # fmt: skip


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether a dictionary of the values is worth making."""
    if pa.types.is_dictionary(column.type):
        return True
    first = column.slice(0, _LOOKED_AT)
    return bool(pc.count_distinct(first).as_py() * 4 <= len(first))


def _same(value: Any, count: int, kind: pa.DataType | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(numbers(np.zeros(count, dtype=np.int32)), pa.array([value], kind))


def _mapped(path: str, dtype: type[np.generic]) -> np.ndarray:
    return np.memmap(path, dtype=dtype, mode="r") if Path(path).stat().st_size else np.empty(0, dtype)
