"""The private DuckDB in which one batch is put together.

Belongs here: documents → unwrap → select per table → typed and checked rows, quarantine, type changes.
Does not belong here: what is already in the lake (merge.py), files of the lake (write.py).

Nothing of it outlives the process: rows that do not fit into the memory limit go to a folder that is deleted.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexus.contracts import Source, Table
from nexus.errors import ContractError, InputError, NexusError
from nexus.settings import Settings
from nexus.trouble import machine_error
from warehouse.land import sql
from warehouse.land.chunk import CHUNK_BYTES, CHUNK_ROWS, SLICE, Bad, Chunk

#: `_line` of a document is file · 2^48 + line · 2^20 + number of the document in its chunk: unique in a batch.
LINE_BITS, DOCUMENT_BITS = 28, 20
_ENOUGH = 20
_FAULTS = "create table faults (_file INTEGER, _line BIGINT, _table VARCHAR, _reason VARCHAR, _raw VARCHAR)"
_FILE_OF = f"({{}} >> {LINE_BITS + DOCUMENT_BITS})"
_LINE_OF = f"(({{}} >> {DOCUMENT_BITS}) & {(1 << LINE_BITS) - 1})"
_OF_DOC = f"{_FILE_OF.format('_doc')}, {_LINE_OF.format('_doc')}"
_OF_LINE = f"{_FILE_OF.format('_line')}, {_LINE_OF.format('_line')}"
_OUTSIDE = "' is not part of the {} contract"
_NOT_BLANK = "trim(_text, ' ' || chr(9) || chr(13) || chr(10)) <> ''"
_FAULT_SCHEMA = pa.schema([("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])


def scratch_dir(settings: Settings) -> Path:
    """Folders of batches under way, by batch id."""
    return settings.run_dir / "landing"


def staging(table: Table) -> str:
    return sql.quoted(f"s_{table.name}")


class Stage:
    """Staging tables of one batch of `source`. `file` numbers in all methods are the caller's."""

    def __init__(self, source: Source, settings: Settings, batch_id: str, files: dict[int, str]) -> None:
        self.source = source
        self._scratch = scratch_dir(settings) / batch_id
        self._scratch.mkdir(parents=True, exist_ok=True)
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
        self._waiting: list[pa.Table] = []
        self._kind: tuple[str, str | None] = ("", None)
        self._bytes = self._rows = 0
        self._arrays = False

    def close(self) -> None:
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
        more = self._bytes + chunk.table.nbytes > CHUNK_BYTES or self._rows + len(chunk.table) > CHUNK_ROWS
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
        table, form, only, arrays = pa.concat_tables(self._waiting), self._kind[0], self._kind[1], self._arrays
        self._waiting, self._bytes, self._rows, self._arrays = [], 0, 0, False
        self._chunk += 1
        if not self.documents(table, form, arrays, unwrap=only is None):
            self._no_json()
        if only is not None:
            self._insert(self.source.table(only), "select _line, _text, doc from documents")
            return
        for each in self.source.tables:
            self._insert(each, each.select)
        self._not_taken()

    def documents(self, chunk: pa.Table, form: str, arrays: bool, unwrap: bool = True) -> bool:
        """Parses `chunk` into the relation `documents(_line, _text, doc, _kind, _file)`; whether all of it is JSON."""
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

    def _described(self, query: str) -> str:
        kind = self.source.kind or "null::varchar"
        file = f"getvariable('file_names')[({_FILE_OF.format('_line')})::integer]"
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
            raise self._broken_source("unwrap", error) from error
        if numbered:
            result = self._numbered(result)
        self.engine.unregister(name)
        self.engine.register(name, result)
        return len(result)

    def _numbered(self, documents: pa.Table) -> pa.Table:
        if len(documents) >= 1 << DOCUMENT_BITS:
            raise InputError(
                f"source {self.source.name!r}: {len(documents)} documents in one piece of {CHUNK_BYTES >> 20} MB",
                remedy="write one document a line, or name the file .json if it is one array",
            )
        lines = pc.shift_left(pc.shift_right(documents.column(0), DOCUMENT_BITS), DOCUMENT_BITS)
        numbers = pa.chunked_array([pa.array(np.arange(1, len(documents) + 1))])
        column = pc.add(lines, numbers)
        return documents.set_column(0, "_line", column)

    def _query(self, query: str, where: str) -> list[tuple[Any, ...]]:
        try:
            return self.engine.execute(query).fetchall()
        except duckdb.Error as error:
            raise self._broken_source(where, error) from error

    def _broken_source(self, where: str, error: duckdb.Error) -> NexusError:
        return machine_error(error) or InputError(
            f"source {self.source.name!r}, {where}: its SQL failed: {str(error).splitlines()[0]}",
            remedy=f"correct the contract of {self.source.name}; nothing of this batch has landed",
        )

    def _insert(self, table: Table, select: str) -> None:
        where = f"table {table.name}"
        if not self._query(f"select 1 from ({select}) limit 1", where):
            return
        name = staging(table)
        insert = f"insert into {name} select *, {_OF_DOC}, {self._chunk} from"
        self._query(f"{insert} (with picked as ({select}) {sql.rows_of(table, explain=False)})", where)
        marked = f"_chunk = {self._chunk} and _reason = {sql.literal(sql.MARK)}"
        if self.run(f"select count(*) from {name} where {marked}")[0][0]:
            self.run(f"delete from {name} where {marked}")
            self._query(f"{insert} (with picked as ({select}) {sql.rows_of(table, explain=True)})", where)

    def _not_taken(self) -> None:
        taken = " union all ".join(
            f"select _doc from {staging(t)} where _chunk = {self._chunk}" for t in self.source.tables
        )
        name = self.source.name
        unknown = sql.literal(f"no table of source {name} takes this document")
        outside = f"chr(39) || left(_kind, 60) || {sql.literal(_OUTSIDE.format(name))}"
        self.engine.execute(
            f"""insert into faults
                select {_OF_DOC}, '', coalesce({outside}, {unknown}), cast(doc as varchar)
                from (select _line as _doc, doc, _kind from documents) where _doc not in ({taken})"""
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
    lines = pc.shift_left(pc.add(chunk.table.column(0), file << LINE_BITS), DOCUMENT_BITS)
    places = np.arange(1, len(chunk.table) + 1) % (1 << DOCUMENT_BITS)
    return chunk.table.set_column(0, "_line", pc.add(lines, pa.chunked_array([pa.array(places)])))
