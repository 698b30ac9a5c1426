"""The private DuckDB in which one batch is put together.

Belongs here: documents → unwrap → select per table → typed and checked rows, quarantine, type changes.
Does not belong here: what is already in the lake (merge.py), files of the lake (write.py).

Nothing of it outlives the process: rows that do not fit into the memory limit go to a folder that is deleted.
"""

from __future__ import annotations

import re
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
from nexus.errors import ContractError, InputError
from nexus.settings import Settings
from nexus.trouble import machine_error
from warehouse.land import sql
from warehouse.land.allocator import give_back
from warehouse.land.arrow import as_json, numbers
from warehouse.land.chunk import CHUNK_BYTES, CHUNK_ROWS, SLICE, Bad, Chunk
from warehouse.land.places import DOCUMENT_BITS, LINE_BITS, file_sql, line_sql
from warehouse.land.sink import Batch, Sink

_ENOUGH = 20
#: Pieces that a source of several tables looks at together.
_PIECES = 3
#: Rows of all sinks together that wait to be written.
_WAITING_BYTES = 24 * 1024 * 1024
_FAULTS = "create table faults (_file INTEGER, _line BIGINT, _table VARCHAR, _reason VARCHAR, _raw VARCHAR)"
_OF_DOC = f"{file_sql('_doc')}, {line_sql('_doc')}"
_OF_LINE = f"{file_sql('_line')}, {line_sql('_line')}"
_OUTSIDE = "' is not part of the {} contract"
_NOT_BLANK = "trim(_text, ' ' || chr(9) || chr(13) || chr(10)) <> ''"
_FAULT_SCHEMA = pa.schema([("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])


def scratch_dir(settings: Settings) -> Path:
    """Folders of batches under way, by batch id."""
    return settings.run_dir / "landing"


def staging(table: Table) -> str:
    return sql.quoted(f"s_{table.name}")


class Stage:
    """Staging tables of one batch of `source`. `file` numbers in all methods are the caller's.

    With a `workspace` good rows go straight to the lake's files under temporary names (sink.py), and the staging tables
    hold bad ones alone; without one all rows stay in the staging tables.
    """

    def __init__(
        self, source: Source, settings: Settings, batch_id: str, files: dict[int, str], workspace: str | None = None
    ) -> None:
        give_back()
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
        self.engine = duckdb.connect(
            config={
                "memory_limit": settings.duckdb_memory_limit,
                "temp_directory": str(self._scratch),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        self.engine.execute("set timezone = 'UTC'")
        self.engine.execute("set enable_progress_bar = false")
        self.engine.execute(_FAULTS)
        self.engine.execute("create table origins (_origin INTEGER, _origin_name VARCHAR)")
        self.engine.executemany("insert into origins values (?, ?)", [[i, name] for i, name in files.items()])
        # a map as a variable: looked up without a join, which could change the order of rows
        self.engine.execute(
            "set variable file_names = (select map_from_entries(list((_origin, _origin_name))) from origins)"
        )
        for table in source.tables:
            self.engine.execute(f"create table {staging(table)} ({sql.staging_columns(table)})")
        self._chunk = 0
        self._files: set[int] = set()
        # planning costs as much for a small piece as for a large one, and once for each table
        self._piece_bytes = CHUNK_BYTES * (1 if len(source.tables) == 1 else _PIECES)
        self._waiting: list[pa.Table] = []
        self._kind: tuple[str, str | None] = ("", None)
        self._bytes = self._rows = 0
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

        Chunks of small files are put together, because each query costs some milliseconds of planning.
        """
        if len(chunk.table) or chunk.bad:
            self._files.add(file)
        self._fault(file, chunk.bad)
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

    def holds(self, file: int) -> bool:
        """Whether anything of a file has been added."""
        return file in self._files

    def flush(self) -> None:
        """Stages what `add` has taken."""
        if not self._waiting:
            return
        form, only = self._kind
        table, arrays = pa.concat_tables(self._waiting), self._arrays
        self._waiting, self._bytes, self._rows, self._arrays = [], 0, 0, False
        self._chunk += 1
        if self._batch is None:
            self._stage(table, form, only, arrays)
            return
        # nearly every chunk is JSON throughout, and what takes columns out of a document would notice if it were not
        try:
            found = self._stage(table, form, only, arrays, trusted=form != "line" and not arrays)
        except _Malformed:
            for each in self.source.tables:
                self.run(f"delete from {staging(each)} where _chunk = {self._chunk}")
            found = self._stage(table, form, only, arrays)
        self._to_sinks(found, self._batch)

    def _stage(
        self, table: pa.Table, form: str, only: str | None, arrays: bool, trusted: bool = False
    ) -> dict[str, pa.Table]:
        """Documents, then rows of each table; those that are to go to sinks are given back.

        `trusted` leaves out the look at whether the text is JSON. Raises _Malformed if it is not.
        """
        whole = self.documents(table, form, arrays, unwrap=only is None, trusted=trusted)
        if not whole:
            self._no_json()
        if only is not None:
            self._insert(self.source.table(only), "select _line, _text, doc from documents")
            return {}
        found = {}
        for each in self.source.tables:
            rows = self._insert(each, each.select)
            if rows is not None:
                found[each.name] = rows
        self._not_taken([rows["_doc"].to_numpy() for rows in found.values()])
        return found

    def documents(self, chunk: pa.Table, form: str, arrays: bool, unwrap: bool = True, trusted: bool = False) -> bool:
        """Parses `chunk` into the relation `documents(_line, _text, doc, _kind, _file)`; whether all of it is JSON."""
        if trusted and not (unwrap and self.source.unwrap):
            self._trust(chunk)
            return True
        self.engine.register("chunk", chunk)
        if form == "line":
            text = "rtrim(_text, chr(13) || chr(10))"
            parsed = f"select _line, {text} as _text, json_object('line', {text}) as doc from chunk where {_NOT_BLANK}"
        else:
            parsed = "select _line, null::varchar as _text, try_cast(_text as json) as doc from chunk"
        parsed = f"select * from ({parsed}) where doc is not null"
        if not arrays and not (unwrap and self.source.unwrap):
            return self._table("documents", self._described(parsed)) == len(chunk) or form == "line"
        complete = self._table("documents", parsed) == len(chunk) or form == "line"
        good = "select * from documents"
        if arrays:
            # a line holding an array stands for its elements
            good = """select _line, _text, unnest(case when json_type(doc) = 'ARRAY'
                        then from_json(doc, '["JSON"]') else [doc] end) as doc from documents"""
            if unwrap and self.source.unwrap:
                self._table("documents", good)
        if unwrap and self.source.unwrap:
            good = self.source.unwrap
        self._table("documents", self._described(good), numbered=True)
        return complete

    def _trust(self, chunk: pa.Table) -> None:
        """`documents` without a look at whether they are JSON: what reads them raises, if they are not."""
        self.engine.unregister("documents")
        self.engine.register("chunk", chunk.set_column(1, "_text", as_json(chunk["_text"])))
        query = self._described("select _line, null::varchar as _text, _text as doc from chunk")
        if len(self.source.tables) == 1:
            self.engine.execute(f"create or replace temp view documents as {query}")
        else:
            self._table("documents", query)

    def _described(self, query: str) -> str:
        kind = self.source.kind or "null::varchar"
        file = f"getvariable('file_names')[({file_sql('_line')})::integer]"
        return f"select _line, _text, cast(doc as json) as doc, {kind} as _kind, {file} as _file from ({query})"

    def _no_json(self) -> None:
        self.engine.execute(
            f"""insert into faults
                select {_OF_LINE}, '', case when contains(_text, chr(0)) then 'not JSON: holds a NUL character'
                                            else 'not JSON: malformed or cut off' end,
                       rtrim(_text, chr(13) || chr(10))
                from chunk where try_cast(_text as json) is null and {_NOT_BLANK}"""
        )

    def _table(self, name: str, query: str, numbered: bool = False) -> int:
        """Registers the result of `query` as `name`; its rows. Arrow, because small pieces are read in parallel.

        With `numbered` documents are numbered anew, because several may have come out of one.
        """
        try:
            result = self.engine.execute(query).to_arrow_table(batch_size=SLICE)
        except duckdb.Error as error:
            raise self._failed("unwrap", error) from error
        if numbered:
            result = self._numbered(result)
        self.engine.unregister(name)
        self.engine.execute(f"drop view if exists {name}")  # of a chunk that was trusted
        self.engine.register(name, result)
        return len(result)

    def _numbered(self, documents: pa.Table) -> pa.Table:
        if len(documents) >= 1 << DOCUMENT_BITS:
            raise InputError(
                f"source {self.source.name!r}: {len(documents)} documents in one piece of {CHUNK_BYTES >> 20} MB",
                remedy="write one document a line, or name the file .json if it is one array",
            )
        lines = documents.column(0).to_numpy() >> DOCUMENT_BITS << DOCUMENT_BITS
        return documents.set_column(0, "_line", numbers(lines + np.arange(1, len(documents) + 1)))

    def _query(self, query: str, where: str) -> list[tuple[Any, ...]]:
        try:
            return self.engine.execute(query).fetchall()
        except duckdb.Error as error:
            raise self._failed(where, error) from error

    def _failed(self, where: str, error: duckdb.Error) -> Exception:
        if "Malformed JSON" in str(error):
            return _Malformed()
        return machine_error(error) or InputError(
            f"source {self.source.name!r}, {where}: its SQL failed: {str(error).splitlines()[0]}",
            remedy=f"correct the contract of {self.source.name}; nothing of this batch has landed",
        )

    def _insert(self, table: Table, select: str) -> pa.Table | None:
        """Stages the rows of `table`. With sinks only the bad ones, and the good ones are given back."""
        where = f"table {table.name}"
        if len(self.source.tables) > 1 and not self._query(f"select 1 from ({select}) limit 1", where):
            return None
        name = staging(table)
        insert = f"insert into {name} select *, {_OF_DOC}, {self._chunk} from"
        explained = f"{insert} (with picked as ({select}) {sql.rows_of(table, explain=True)})"
        if self._batch is not None:
            found, bad = self._typed(table, select)
            if bad:
                self._query(explained, where)
            return found
        self._query(f"{insert} (with picked as ({select}) {sql.rows_of(table, explain=False)})", where)
        marked = f"_chunk = {self._chunk} and _reason = {sql.literal(sql.MARK)}"
        if self.run(f"select count(*) from {name} where {marked}")[0][0]:
            self.run(f"delete from {name} where {marked}")
            self._query(explained, where)
        return None

    def _typed(self, table: Table, select: str) -> tuple[pa.Table, int]:
        """All rows of `table`, `_bad` ones marked, and how many of them are."""
        rows = sql.rows_of(table, explain=False, sink=True)
        try:
            found = self.engine.execute(f"with picked as ({select}) {rows}").to_arrow_table()
        except duckdb.Error as error:
            raise self._failed(f"table {table.name}", error) from error
        return found, pc.sum(found["_bad"]).as_py() or 0

    def _to_sinks(self, found: dict[str, pa.Table], batch: Batch) -> None:
        for name, rows in found.items():
            good = rows.filter(pc.invert(rows["_bad"])) if pc.any(rows["_bad"]).as_py() else rows
            if len(good):
                if name not in self._sinks:
                    self._sinks[name] = Sink(self.source.table(name), batch, self._writing)
                self._sinks[name].add(good)
        while sum(sink.waiting_bytes for sink in self._sinks.values()) > _WAITING_BYTES:
            max(self._sinks.values(), key=lambda sink: sink.waiting_bytes).write()

    def sink(self, table: Table) -> Sink | None:
        """Where the good rows of `table` are, if there are any and they are not staged."""
        return self._sinks.get(table.name)

    def choose(self, table: Table, rows: np.ndarray) -> int:
        """Makes `good(table)` these rows of its sink, by number; how many they are."""
        places = self._sinks[table.name].docs()[rows]
        self._table_of(f"chosen_{table.name}", pa.table({"r": numbers(rows), "_doc": numbers(places)}))
        return len(rows)

    def _table_of(self, name: str, rows: pa.Table) -> None:
        self.engine.unregister(name)
        self.engine.register(name, rows)

    def good(self, table: Table) -> str:
        """SQL of (r, _doc, id, h) of the good rows: those of the staging table, or those chosen of its sink."""
        if sink := self.sink(table):
            return f"""select c.r, c._doc, p._record_key as id, p._record_hash as h
                       from read_parquet({sql.literal(str(sink.path))}, file_row_number = true, hive_partitioning = false) p
                       join {sql.quoted(f"chosen_{table.name}")} c on c.r = p.file_row_number"""
        return f"""select rowid as r, _doc, cast({sql.quoted(table.id or "")} as varchar) as id, _record_hash as h
                   from {staging(table)} where _reason is null"""

    def _not_taken(self, places: list[np.ndarray]) -> None:
        """Documents of which no table has made a row. With sinks `places` are those of which one has."""
        if self._batch is not None:
            there = self.engine.execute("select _line from documents").to_arrow_table()["_line"].to_numpy()
            taken = np.unique(np.concatenate([np.empty(0, np.int64), *places]))
            if len(taken) == len(there):
                return
            self._table_of("taken", pa.table({"_doc": numbers(taken)}))
            rows = "select _doc from taken"
        else:
            rows = " union all ".join(
                f"select _doc from {staging(t)} where _chunk = {self._chunk}" for t in self.source.tables
            )
        name = self.source.name
        unknown = sql.literal(f"no table of source {name} takes this document")
        outside = f"chr(39) || left(_kind, 60) || {sql.literal(_OUTSIDE.format(name))}"
        self.engine.execute(
            f"""insert into faults
                select {_OF_DOC}, '', coalesce({outside}, {unknown}), cast(doc as varchar)
                from (select _line as _doc, doc, _kind from documents) where _doc not in ({rows})"""
        )

    def outside(self) -> dict[str, int]:
        """How many documents there were of each kind that the contract does not speak of."""
        pattern = sql.literal("^'(.*)" + _OUTSIDE.format(re.escape(self.source.name)) + "$")
        rows = self.run(
            f"""select regexp_extract(_reason, {pattern}, 1) as kind, count(*) from faults
                where regexp_matches(_reason, {pattern}) group by kind order by kind"""
        )
        return dict(rows)

    def _fault(self, file: int, bad: list[Bad]) -> None:
        if bad:
            rows = pa.table(
                [pa.array([b.line for b in bad]), pa.array([b.reason for b in bad]), pa.array([b.raw for b in bad])],
                schema=_FAULT_SCHEMA,
            )
            self.engine.register("bad", rows)
            self.engine.execute("insert into faults select $1, line, '', reason, raw from bad", [file])
            self.engine.unregister("bad")

    def check_types(self, names: dict[int, str]) -> None:
        """Raises ContractError when a column has changed its type, in one file (`names`) or in the whole batch.

        That is: more than half of at least 20 values are not of the type that the contract promises.
        """
        self.flush()
        for sink in self._sinks.values():
            sink.close()
        for table in self.source.tables:
            broken = self.run(
                f"""select col, _file, count(*) as n
                    from (select unnest(_broken) as col, _file from {staging(table)} where _reason is not null)
                    group by grouping sets ((col, _file), (col)) having n > {_ENOUGH // 2} order by n, _file nulls last"""
            )
            for column, file, count in broken:
                self._check_column(table, column, file, count, names)

    def _check_column(self, table: Table, column: str, file: int | None, count: int, names: dict[int, str]) -> None:
        where = "true" if file is None else f"_file = {file}"
        valid = self.run(
            f"""select count({sql.quoted(column)}) from {staging(table)}
                where {where} and not list_contains(coalesce(_broken, []), ?)""",
            column,
        )[0][0]
        if sink := self.sink(table):
            valid += sink.valid(column, file)
        if count + valid < _ENOUGH or count <= valid:
            return
        example, line, first = self.run(
            f"""select _reason, _line, _file from {staging(table)}
                where {where} and list_contains(_broken, ?) order by _doc limit 1""",
            column,
        )[0]
        kind = table.column(column).kind.value
        raise ContractError(
            f"{names[first]}: column {column!r} of {table.relation} has changed its type: "
            f"{count} of {count + valid} values are not {kind} (line {line}: {example})",
            remedy="nothing of this batch has landed; if the provider really changed, change the contract "
            f"of {self.source.name}.{table.name} and ingest again",
        )


def tagged(chunk: Chunk, file: int) -> pa.Table:
    """The chunk with `_line` made unique: file, line, and place in the chunk for documents that share a line."""
    lines = (chunk.table.column(0).to_numpy() + (file << LINE_BITS)) << DOCUMENT_BITS
    places = np.arange(1, len(chunk.table) + 1) % (1 << DOCUMENT_BITS)
    return chunk.table.set_column(0, "_line", numbers(lines + places))


class _Malformed(Exception):
    """A text was trusted to be JSON and is not."""
