"""The private DuckDB in which one batch is put together.

Belongs here: which pieces are looked at together, and where their rows go: to the lake's files or to staging tables.
Does not belong here: documents (documents.py), their rows (typist.py), what is already in the lake (merge.py).

Nothing of it outlives the process: rows that do not fit into the memory limit go to a folder that is deleted.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexus.contracts import Source, Table
from nexus.settings import Settings
from warehouse.land import native, stencils
from warehouse.land.allocator import give_back, trim
from warehouse.land.arrow import numbers
from warehouse.land.chunk import CHUNK_BYTES, CHUNK_ROWS, Chunk, Spelling
from warehouse.land.documents import Documents, tagged
from warehouse.land.faults import Faults
from warehouse.land.sink import Batch, Sink
from warehouse.land.sql import literal, pattern, quoted, staging
from warehouse.land.statements import Malformed, Statements
from warehouse.land.texts import Texts
from warehouse.land.typist import Typist

#: Pieces that a source of several tables looks at together.
_PIECES = 3
#: A piece that is as full as this does not wait for more.
_NEARLY = 0.875
#: Documents after which memory that is free is given back.
_TRIM_BYTES = 64 * 1024 * 1024
#: Rows of all sinks together that wait to be written.
_WAITING_BYTES = 12 * 1024 * 1024


def scratch_dir(settings: Settings) -> Path:
    """Folders of batches under way, by batch id."""
    return settings.run_dir / "landing"


class Stage:
    """Staging tables of one batch of `source`. `file` numbers in all methods are the caller's.

    With a `workspace` good rows go straight to the lake's files under temporary names (sink.py), and the staging tables
    hold bad ones alone; without one all rows stay in the staging tables. `size` is that of the files in bytes.
    """

    def __init__(
        self, source: Source, settings: Settings, batch_id: str, files: dict[int, str], workspace: str | None = None,
        size: int = 0,
    ) -> None:  # fmt: skip
        give_back()
        self._scans = size >= stencils.WORTH
        if self._scans:
            native.library()
        self.source = source
        self._scratch = scratch_dir(settings) / batch_id
        self._scratch.mkdir(parents=True, exist_ok=True)
        self.landed_at = datetime.now(UTC).replace(tzinfo=None)
        self._sinks: dict[str, Sink] = {}
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="landing")
        self._batch = (
            Batch(source.name, workspace, batch_id, self.landed_at, files, settings.lake, self._scratch)
            if workspace
            else None
        )
        self.engine = _engine(settings, self._scratch, files)
        statements = Statements(self.engine, source.name)
        self.faults = Faults(self.engine, source)
        self.documents = Documents(self.engine, source, statements, self.faults)
        self._typist = Typist(self.engine, source, statements)
        self._chunk = 0
        self._files: set[int] = set()
        # what a statement costs beside its rows, it costs once for each table
        self._piece_bytes = CHUNK_BYTES * (1 if len(source.tables) == 1 else _PIECES)
        self._waiting: list[pa.Table] = []
        self._spellings: list[Spelling | None] = []
        self._kind: tuple[str, str | None] = ("", None)
        self._bytes = self._rows = self._untrimmed = 0
        self._arrays = False

    def close(self) -> None:
        self._writing.shutdown(cancel_futures=True)
        for sink in self._sinks.values():
            sink.abandon()
        self.engine.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.engine.execute(query, list(parameters)).fetchall()

    def add(self, chunk: Chunk, file: int, only: Table | None = None) -> None:
        """Takes the documents of `chunk`. With `only` they are records of that table already (a replay).

        Chunks of small files are put together, because each statement costs some milliseconds beside its rows.
        """
        if len(chunk.table) or chunk.bad:
            self._files.add(file)
        self.faults.add(file, chunk.bad)
        if not len(chunk.table):
            return
        kind = (chunk.form, only.name if only else None)
        more = self._bytes + chunk.table.nbytes > self._piece_bytes or self._rows + len(chunk.table) > CHUNK_ROWS
        if self._waiting and (self._kind != kind or more):
            self.flush()
        self._kind = kind
        self._arrays = self._arrays or chunk.has_arrays
        self._bytes += chunk.table.nbytes
        self._rows += len(chunk.table)
        self._waiting.append(tagged(chunk, file))
        self._spellings.append(chunk.spelling)
        if self._bytes >= self._piece_bytes * _NEARLY:
            self.flush()

    def scans(self) -> bool:
        """Whether documents are read by how they are spelt at present, so that nobody needs to look at that beforehand."""
        return self._scans and self._typist.scans()

    def holds(self, file: int) -> bool:
        """Whether anything of a file has been added."""
        return file in self._files

    def holds_rows_without_id(self, file: int) -> bool:
        """Whether rows of a file would land that nobody could know again."""
        self.flush()
        return any(sink.counts[file] for sink in self._sinks.values() if not sink.table.id)

    def flush(self) -> None:
        """Stages what `add` has taken."""
        if not self._waiting:
            return
        (form, only), arrays = self._kind, self._arrays
        piece, spelling = pa.concat_tables(self._waiting), Spelling.of_all(self._spellings)
        self._waiting, self._spellings, self._bytes, self._rows, self._arrays = [], [], 0, 0, False
        self._chunk += 1
        if self._batch is None:
            self._stage(piece, form, only, arrays)
        else:
            self._to_sinks(self._good(piece, form, arrays, spelling), self._batch)
        self.documents.clear()
        self._untrimmed += piece.nbytes
        if self._untrimmed >= _TRIM_BYTES:
            trim()
            self._untrimmed = 0

    def finish(self) -> None:
        """Everything taken is staged, or in the file of its sink."""
        self.flush()
        for sink in self._sinks.values():
            sink.close()

    def _stage(self, piece: pa.Table, form: str, only: str | None, arrays: bool) -> None:
        if not self.documents.parse(piece, form, arrays, unwrap=only is None):
            self.faults.no_json()
        if only is not None:
            self._typist.stage(self.source.table(only), self._chunk, "select _line, _text, doc from documents")
            return
        for table in self.source.tables:
            self._typist.stage(table, self._chunk)
        taken = [
            self.engine.execute(f"select _doc from {staging(table)} where _chunk = {self._chunk}").to_arrow_table()
            for table in self.source.tables
        ]
        self.faults.not_taken(self.documents.places, [rows["_doc"].to_numpy() for rows in taken])

    def _good(self, piece: pa.Table, form: str, arrays: bool, spelling: Spelling | None) -> dict[str, pa.Table]:
        """Rows for the sinks."""
        if form != "line" and not arrays and not self.source.unwrap:
            # nearly every piece is JSON throughout, and what takes columns out of a document would notice if it were not
            try:
                self.documents.trust(piece)
                return self._rows_of_piece(spelling, Texts(piece, self.documents.kinds) if self._scans else None)
            except Malformed:
                for table in self.source.tables:
                    self.engine.execute(f"delete from {staging(table)} where _chunk = {self._chunk}")
        if not self.documents.parse(piece, form, arrays):
            self.faults.no_json()
        return self._rows_of_piece()

    def _rows_of_piece(self, spelling: Spelling | None = None, texts: Texts | None = None) -> dict[str, pa.Table]:
        found: dict[str, pa.Table] = {}
        for table in self.source.tables:
            rows = self._typist.good(table, self._chunk, self.documents.places, spelling, texts)
            if rows is not None:
                found[table.name] = rows
        self.faults.not_taken(self.documents.places, [rows["_doc"].to_numpy() for rows in found.values()])
        return found

    def _to_sinks(self, found: dict[str, pa.Table], batch: Batch) -> None:
        for name, rows in found.items():
            good = rows.filter(pc.invert(rows["_bad"])) if pc.any(rows["_bad"]).as_py() else rows
            if len(good):
                if name not in self._sinks:
                    self._sinks[name] = Sink(self.source.table(name), batch, self._writing)
                self._sinks[name].add(good, self._typist.unnamed[name])
        while sum(sink.waiting_bytes for sink in self._sinks.values()) > _WAITING_BYTES:
            max(self._sinks.values(), key=lambda sink: sink.waiting_bytes).write()

    def sink(self, table: Table) -> Sink | None:
        """Where the good rows of `table` are, if there are any and they are not staged."""
        return self._sinks.get(table.name)

    def choose(self, table: Table, rows: np.ndarray) -> int:
        """Makes `good(table)` these rows of its sink, by number; how many they are."""
        places = self._sinks[table.name].docs()[rows]
        name = f"chosen_{table.name}"
        self.engine.unregister(name)
        self.engine.register(name, pa.table({"r": numbers(rows), "_doc": numbers(places)}))
        return len(rows)

    def good(self, table: Table) -> str:
        """SQL of (r, _doc, id, h) of the good rows: those of the staging table, or those chosen of its sink."""
        if sink := self.sink(table):
            return f"""select c.r, c._doc, p._record_key as id, p._record_hash as h
                       from read_parquet({literal(pattern(sink.path))}, file_row_number = true, hive_partitioning = false) p
                       join {quoted(f"chosen_{table.name}")} c on c.r = p.file_row_number"""
        return f"""select rowid as r, _doc, cast({quoted(table.id or "")} as varchar) as id, _record_hash as h
                   from {staging(table)} where _reason is null"""


def _engine(settings: Settings, scratch: Path, files: dict[int, str]) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(
        config={
            "memory_limit": settings.duckdb_memory_limit,
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    engine.execute("set timezone = 'UTC'")
    engine.execute("set enable_progress_bar = false")
    # reading and writing take about one core; sharing both of two cost a tenth of the time
    (cores,) = engine.execute("select current_setting('threads')").fetchall()[0]
    engine.execute(f"set threads = {max(1, cores - 1)}")
    engine.execute("create table origins (_origin INTEGER, _origin_name VARCHAR)")
    engine.executemany("insert into origins values (?, ?)", [[i, name] for i, name in files.items()])
    # a map as a variable: looked up without a join, which could change the order of rows
    engine.execute("set variable file_names = (select map_from_entries(list((_origin, _origin_name))) from origins)")
    return engine
