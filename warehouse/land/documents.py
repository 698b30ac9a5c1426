"""A piece of a file becomes the relation `documents(_line, _text, doc, _kind, _file)` that contracts select from.

Belongs here: parsing, arrays that stand for their elements, the source's unwrap, and the numbers of documents.
Does not belong here: rows of tables (typist.py), texts that are no document (faults.py).
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexus.contracts import Source
from warehouse.land.arrow import Relation, as_json, numbers
from warehouse.land.chunk import SCHEMA, SLICE, Bad, Chunk
from warehouse.land.faults import NOT_BLANK, Faults
from warehouse.land.places import DOCUMENT_BITS, LINE_BITS, file_of, file_sql, line_of
from warehouse.land.statements import Statements
from warehouse.land.text import excerpt

#: Documents that may come out of one line.
CROWD = (1 << DOCUMENT_BITS) - 1
_JSON = pa.json_(pa.string())
_BARE = pa.schema([("_line", pa.int64()), ("_text", pa.string()), ("doc", _JSON)])
_TRUSTED = pa.schema([("_line", pa.int64()), ("_text", _JSON)])
_TEXT = "rtrim(_text, chr(13) || chr(10))"
_LINES = f"select _line, {_TEXT} as _text, json_object('line', {_TEXT}) as doc from piece where {NOT_BLANK}"
_PARSED = """select * from (select _line, null::varchar as _text, try_cast(_text as json) as doc from piece)
             where doc is not null"""
_LENGTHS = "select _line from bare where json_type(doc) = 'ARRAY' and json_array_length(doc) > {}"
_ELEMENTS = """select _line, _text, unnest(case when json_type(doc) = 'ARRAY'
               then from_json(doc, '["JSON"]') else [doc] end) as doc from bare"""
_UNWRAPPED = "with documents as (select * from bare) select _line, _text, cast(doc as json) as doc from ({})"


class Documents:
    """The relation, of one piece after another. `places` are the numbers of its documents."""

    def __init__(
        self, engine: duckdb.DuckDBPyConnection, source: Source, statements: Statements, faults: Faults
    ) -> None:
        self._engine = engine
        self._source = source
        self._statements = statements
        self._faults = faults
        self._piece = Relation(engine, "piece", SCHEMA)
        self._bare = Relation(engine, "bare", _BARE)
        self._trusted = Relation(engine, "trusted", _TRUSTED)
        self._described: Relation | None = None
        self.places = np.empty(0, np.int64)

    def trust(self, piece: pa.Table) -> None:
        """Takes `piece` without a look at whether it is JSON: what reads a document that is not raises Malformed."""
        self._trusted.rows = piece.set_column(1, "_text", as_json(piece["_text"]))
        query = self._with_kind("select _line, null::varchar as _text, _text as doc from trusted")
        if len(self._source.tables) == 1:
            self.places = piece["_line"].to_numpy()
            self._look_at(query)
        else:
            self._keep(self._run(query))

    def parse(self, piece: pa.Table, form: str, arrays: bool, unwrap: bool = True) -> bool:
        """Takes `piece`; whether all of it is JSON. What is not is left out."""
        self._piece.rows = piece
        self._bare.rows = self._run(_LINES if form == "line" else _PARSED)
        complete = form == "line" or len(self._bare.rows) == len(piece)
        unwrap = unwrap and bool(self._source.unwrap)
        if arrays:
            # a line holding an array stands for its elements
            self._crowded(self._run(_LENGTHS.format(CROWD))["_line"].to_numpy())
            self._bare.rows = self._run(_ELEMENTS)
        if unwrap:
            self._bare.rows = self._run(_UNWRAPPED.format(self._source.unwrap))
        if arrays or unwrap:
            self._number()
        self._keep(self._run(self._with_kind("select * from bare")))
        self._bare.clear()
        return complete

    def kinds(self) -> pa.Table:
        """What each document is: `_line` and `_kind`."""
        if self._described is not None and len(self._described.rows):
            return self._described.rows
        return self._run("select _line, _kind from documents")

    def clear(self) -> None:
        """Lets go of the piece."""
        for relation in (self._piece, self._bare, self._trusted, self._described):
            if relation is not None:
                relation.clear()
        self.places = np.empty(0, np.int64)

    def _run(self, query: str) -> pa.Table:
        # small batches, because they are what the engine reads in parallel
        return self._statements.run(query, "unwrap", lambda found: found.to_arrow_table(batch_size=SLICE), often=True)

    def _with_kind(self, query: str) -> str:
        kind = self._source.kind or "null::varchar"
        file = f"getvariable('file_names')[({file_sql('_line')})::integer]"
        return f"select _line, _text, doc, {kind} as _kind, {file} as _file from ({query})"

    def _number(self) -> None:
        """Numbers documents anew, those of one line by themselves, because several may have come out of one."""
        self._bare.rows, ranks = _ranked(self._bare.rows)
        if len(ranks) and ranks.max() > CROWD:
            self._crowded(np.unique(self._bare.rows["_line"].to_numpy()[ranks > CROWD]))
            self._bare.rows, ranks = _ranked(self._bare.rows)
        places = self._bare.rows["_line"].to_numpy() + ranks
        self._bare.rows = self._bare.rows.set_column(0, "_line", numbers(places))

    def _crowded(self, lines: np.ndarray) -> None:
        """Takes lines out that hold more documents than can be numbered; they become faults."""
        if not len(lines):
            return
        crowded = pa.array(np.unique(lines >> DOCUMENT_BITS))

        def of(rows: pa.Table) -> pa.ChunkedArray:
            return pc.is_in(pc.shift_right(rows["_line"], DOCUMENT_BITS), value_set=crowded)

        self._bare.rows = self._bare.rows.filter(pc.invert(of(self._bare.rows)))
        for place, text in zip(*self._piece.rows.filter(of(self._piece.rows)).to_pydict().values(), strict=True):
            reason = f"holds more than {CROWD:,} documents in one line"
            self._faults.add(int(file_of(place)), [Bad(int(line_of(place)), reason, excerpt(text.encode()))])

    def _keep(self, described: pa.Table) -> None:
        if self._described is None:
            self._described = Relation(self._engine, "described", described.schema)
        self._described.rows = described
        self.places = described["_line"].to_numpy()
        self._look_at("select * from described")

    def _look_at(self, query: str) -> None:
        if self._statements.meaning != query:
            self._engine.execute(f"create or replace temp view documents as {query}")
            self._statements.meaning = query


def _ranked(rows: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The same rows with the places of their lines, and the number of each among those of its line."""
    lines = rows["_line"].to_numpy() >> DOCUMENT_BITS << DOCUMENT_BITS
    order = np.argsort(lines, kind="stable")
    ordered = lines[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    ranks = np.empty(len(lines), np.int64)
    ranks[order] = np.arange(len(lines)) - np.repeat(begins, np.diff(begins, append=len(lines))) + 1
    return rows.set_column(0, "_line", numbers(lines)), ranks


def tagged(chunk: Chunk, file: int) -> pa.Table:
    """The chunk with `_line` made unique: file, line, and place in the chunk for documents that share a line."""
    lines = (chunk.table.column(0).to_numpy() + (file << LINE_BITS)) << DOCUMENT_BITS
    places = np.arange(1, len(chunk.table) + 1) % (1 << DOCUMENT_BITS)
    return chunk.table.set_column(0, "_line", numbers(lines + places))
