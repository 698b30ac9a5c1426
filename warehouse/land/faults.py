"""The table `faults`: texts that are no document, and documents that no table takes.

Belongs here: filling and counting it. Does not belong here: records of a table that break its contract (typist.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from nexus.contracts import Source
from warehouse.land.arrow import numbers
from warehouse.land.chunk import Bad
from warehouse.land.places import file_sql, line_sql
from warehouse.land.sql import literal

_SCHEMA = pa.schema([("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])
NOT_BLANK = "trim(_text, ' ' || chr(9) || chr(13) || chr(10)) <> ''"
_OUTSIDE = "' is not part of the {} contract"


class Faults:
    """Faults of one batch of `source`."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, source: Source) -> None:
        self._engine = engine
        self._source = source
        engine.execute(
            "create table faults (_file INTEGER, _line BIGINT, _table VARCHAR, _reason VARCHAR, _raw VARCHAR)"
        )

    def add(self, file: int, bad: Sequence[Bad]) -> None:
        """Texts of a file."""
        if not bad:
            return
        columns = [[b.line for b in bad], [b.reason for b in bad], [b.raw for b in bad]]
        self._engine.register("bad", pa.table(columns, schema=_SCHEMA))
        self._engine.execute(f"insert into faults select {file}, line, '', reason, raw from bad")
        self._engine.unregister("bad")

    def no_json(self) -> None:
        """What in the relation `piece` is no JSON."""
        self._engine.execute(
            f"""insert into faults
                select {file_sql("_line")}, {line_sql("_line")}, '',
                       case when contains(_text, chr(0)) then 'not JSON: holds a NUL character'
                            else 'not JSON: malformed or cut off' end,
                       rtrim(_text, chr(13) || chr(10))
                from piece where try_cast(_text as json) is null and {NOT_BLANK}"""
        )

    def not_taken(self, there: np.ndarray, taken: Sequence[np.ndarray]) -> None:
        """Documents at the places `there` of which no table has made a row; `taken` are those of which one has."""
        if len(taken) == 1 and np.array_equal(there, taken[0]):
            return
        all_taken = np.unique(np.concatenate([np.empty(0, np.int64), *taken]))
        if len(all_taken) == len(there):
            return
        name = self._source.name
        unknown = literal(f"no table of source {name} takes this document")
        outside = f"chr(39) || left(_kind, 60) || {literal(_OUTSIDE.format(name))}"
        self._engine.register("taken", pa.table({"_doc": numbers(all_taken)}))
        self._engine.execute(
            f"""insert into faults
                select {file_sql("_line")}, {line_sql("_line")}, '', coalesce({outside}, {unknown}), cast(doc as varchar)
                from documents where _line not in (select _doc from taken)"""
        )
        self._engine.unregister("taken")

    def outside(self) -> dict[str, int]:
        """How many documents there were of each kind that the contract does not speak of."""
        pattern = literal("^'(.*)" + _OUTSIDE.format(re.escape(self._source.name)) + "$")
        rows = self._engine.execute(
            f"""select regexp_extract(_reason, {pattern}, 1) as kind, count(*) from faults
                where regexp_matches(_reason, {pattern}) group by kind order by kind"""
        ).fetchall()
        return dict(rows)
