"""Documents become typed rows of their tables, bad ones apart.

Belongs here: running the statements of each table over a piece. Does not belong here: their text (rows.py), where the
rows go (stage.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexus.contracts import Source, Table
from nexus.errors import InputError
from warehouse.land.arrow import Relation, numbers
from warehouse.land.chunk import Spelling
from warehouse.land.paths import named_fields
from warehouse.land.places import file_sql, line_sql
from warehouse.land.rows import MARK, rows_of
from warehouse.land.shapes import Shapes
from warehouse.land.sql import literal, staging, staging_columns
from warehouse.land.statements import Malformed, Statements
from warehouse.land.stencils import Stencils
from warehouse.land.texts import Texts

T = TypeVar("T")
#: Rows that the engine hands over at once: their columns are small enough not to be moved while they grow.
_BATCH = 4096
#: Rows whose fields are looked at one by one.
_FEW = 1000


class Typist:
    """Types the relation `documents` by the contract of `source`; bad rows go to the staging tables."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, source: Source, statements: Statements) -> None:
        self._engine = engine
        self._several = len(source.tables) > 1
        self._statements = statements
        self._shapes = {table.name: Shapes(table, statements) for table in source.tables}
        self._stencils = {table.name: Stencils(table, engine) for table in source.tables}
        self._odd = Relation(engine, "odd", pa.schema([("_doc", pa.int64())]))
        #: Fields at the top of the rows that were asked for last which no contract names; None where nobody has looked.
        self.unnamed: dict[str, frozenset[str] | None] = {}
        for table in source.tables:
            engine.execute(f"create table {staging(table)} ({staging_columns(table)})")

    def good(
        self, table: Table, piece: int, places: np.ndarray, spelling: Spelling | None = None,
        texts: Texts | None = None,
    ) -> pa.Table | None:  # fmt: skip
        """Rows of `table` in the order of their documents, bad ones marked `_bad` and staged as well.

        `places` are those of the piece's documents, and `spelling` and `texts` theirs where they are known.
        """
        if self._empty(table):
            self._stencils[table.name].used = True
            return None
        rows = self._scanned(table, texts) if texts is not None else None
        if rows is None:
            rows = self._typed(table, places, spelling)
        if pc.any(rows["_bad"]).as_py():
            self._run(table, _insert(table, piece, rows_of(table, explain=True)), _first)
        return rows

    def stage(self, table: Table, piece: int, select: str | None = None) -> None:
        """Puts all rows of `table` into its staging table; `select` may stand for that of the contract."""
        if select is None and self._empty(table):
            return
        self._run(table, _insert(table, piece, rows_of(table, explain=False), select), _first)
        marked = f"_chunk = {piece} and _reason = {literal(MARK)}"
        if self._engine.execute(f"select 1 from {staging(table)} where {marked} limit 1").fetchone():
            self._engine.execute(f"delete from {staging(table)} where {marked}")
            self._run(table, _insert(table, piece, rows_of(table, explain=True), select), _first)

    def _empty(self, table: Table) -> bool:
        """Whether nothing of the piece is of `table`, where that is likely."""
        return self._several and self._run(table, f"select 1 from ({table.select}) limit 1", _first, often=True) is None

    def scans(self) -> bool:
        """Whether the last piece was read by the spelling of its documents, without statements."""
        return all(stencils.used for stencils in self._stencils.values())

    def _scanned(self, table: Table, texts: Texts) -> pa.Table | None:
        """What is spelt like earlier documents at once, the rest at a closer look; None where too much is not."""
        stencils = self._stencils[table.name]
        found = stencils.rows(texts)
        if found is None:
            return None
        rows, odd = found
        self.unnamed[table.name] = stencils.unnamed
        if not odd.any():
            return rows
        looked_at = self._looked_at(table, rows["_doc"].to_numpy()[odd])
        self.unnamed[table.name] = _unnamed(table, looked_at, stencils.unnamed)
        return _in_order(rows.filter(pa.array(~odd)), looked_at)

    def _typed(self, table: Table, places: np.ndarray, spelling: Spelling | None) -> pa.Table:
        """What is written as usual at once, the rest at a closer look."""
        shapes = self._shapes[table.name]
        self.unnamed[table.name] = None
        usual = shapes.statement(len(places), spelling)
        if usual is None:
            closer = rows_of(table, explain=False, sink=True)
            return self._run(table, _picked(table.select, closer), _arrow, often=True)
        try:
            rows = self._run(table, _picked(table.select, usual.query), _small_batches, often=True)
        except (Malformed, InputError):
            if usual.names is None:
                raise
            shapes.loosen()
            return self._typed(table, places, spelling)
        odd = rows["_odd"].to_numpy()
        docs = rows["_doc"].to_numpy()
        if usual.names is not None and spelling is not None:
            there = spelling.names if np.array_equal(places, docs) else spelling.names[np.searchsorted(places, docs)]
            odd = odd | (there != usual.names)
        rows = rows.drop_columns(["_odd"])
        if not shapes.seen(len(rows), int(odd.sum()), usual):
            return self._typed(table, places, spelling)
        if not odd.any():
            self.unnamed[table.name] = usual.unnamed if usual.names is not None else None
            return rows
        # a document may have made several rows: all of them are made again
        again = np.unique(docs[odd])
        return _in_order(rows.filter(pa.array(~np.isin(docs, again))), self._looked_at(table, again))

    def _looked_at(self, table: Table, places: np.ndarray) -> pa.Table:
        """Rows of the documents at `places`, whatever they hold."""
        self._odd.rows = pa.table({"_doc": numbers(places)})
        select = f"select * from ({table.select}) where _line in (select _doc from odd)"
        found = self._run(table, _picked(select, rows_of(table, explain=False, sink=True)), _arrow, often=True)
        self._odd.clear()
        return found

    def _run(self, table: Table, query: str, take: Callable[[duckdb.DuckDBPyConnection], T], often: bool = False) -> T:
        return self._statements.run(query, f"table {table.name}", take, often)


def _arrow(found: duckdb.DuckDBPyConnection) -> pa.Table:
    return found.to_arrow_table()


def _small_batches(found: duckdb.DuckDBPyConnection) -> pa.Table:
    return found.to_arrow_table(batch_size=_BATCH)


def _first(found: duckdb.DuckDBPyConnection) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = found.fetchone()
    return row


def _in_order(*parts: pa.Table) -> pa.Table:
    whole = pa.concat_tables(parts)
    return whole.take(numbers(np.argsort(whole["_doc"].to_numpy(), kind="stable")))


def _unnamed(table: Table, rows: pa.Table, others: frozenset[str]) -> frozenset[str] | None:
    """Fields at the top of `_extra` of good rows that no contract names, and `others`; None where they are many."""
    if len(rows) > _FEW:
        return None
    good = rows["_extra"].filter(pc.invert(rows["_bad"])).drop_null().to_pylist()
    return others.union(*map(json.loads, good)) - named_fields(table)


def _picked(select: str, rows: str) -> str:
    return f"with picked as ({select}) {rows}"


def _insert(table: Table, piece: int, rows: str, select: str | None = None) -> str:
    of_doc = f"{file_sql('_doc')}, {line_sql('_doc')}"
    picked = _picked(select or table.select, rows)
    return f"insert into {staging(table)} select *, {of_doc}, {piece} from ({picked})"
