"""The spellings of a table's documents, learnt from those that come, and the rows of a piece by them.

Belongs here: which spellings are known, and for how long. Does not belong here: how one document is spelt (stencil.py),
columns (scanned.py), what becomes of documents that are spelt otherwise (typist.py).
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from nexus.contracts import Table
from warehouse.land import native
from warehouse.land.arrow import numbers
from warehouse.land.rest import Rest
from warehouse.land.scanned import Scanner
from warehouse.land.stencil import Stencil, allows, stencil
from warehouse.land.texts import Texts, takes

#: Files of as many bytes are worth a look at how their documents are spelt.
WORTH = 16 * 1024 * 1024
#: The most spellings that are tried on a document; the share of odd ones from which on more are learnt, or none is used.
_MOST, _LEARN, _TOO_MANY = 8, 0.02, 0.25
#: Odd documents that are looked at before a piece is scanned once more.
_LESSONS = 16


class Stencils:
    """Rows of `table` from documents that are spelt alike."""

    def __init__(self, table: Table, engine: duckdb.DuckDBPyConnection) -> None:
        self._table = table
        self._possible = takes(table)[0] and allows(table)
        self._known: list[Stencil] = []
        self._scanner: Scanner | None = None
        self._rest = Rest()
        self._engine = engine
        #: Whether the last piece was read by them.
        self.used = False

    def rows(self, texts: Texts) -> tuple[pa.Table, np.ndarray] | None:
        """Rows as `usual_rows` gives them, and which of them are odd; None where too many would be."""
        found = self._rows(texts)
        # whoever reads ahead asks at any time: in between it stays what it was
        self.used = found is not None
        return found

    def _rows(self, texts: Texts) -> tuple[pa.Table, np.ndarray] | None:
        if not self._possible or not native.library().done() or (library := native.library().result()) is None:
            return None
        if self._rest.goes_on():
            return None
        if self._scanner is None:
            self._possible = native.agrees(library, self._engine)
            self._scanner = Scanner(self._table, library)
            return self._rows(texts)
        documents, places = texts.of(self._table)
        odd = self._scanner.take(documents)
        while odd.sum() > _LEARN * len(odd) and self._learn(self._scanner, documents, odd):
            odd = self._scanner.take(documents)
        if odd.sum() > _TOO_MANY * len(odd):
            self._known = []
            self._scanner.use([])
            self._rest.begin()
            return None
        return self._complete(self._scanner, places), odd

    @property
    def unnamed(self) -> frozenset[str]:
        """Fields at the top of the last rows that no contract names."""
        met = self._scanner.met().tolist() if self._scanner else []
        return frozenset().union(*(self._known[n].unnamed for n in met))

    def _learn(self, scanner: Scanner, documents: pa.ChunkedArray, odd: np.ndarray) -> bool:
        """Whether the first odd documents are spelt in ways that were not known and are known from now on."""
        before = len(self._known)
        for number in np.flatnonzero(odd)[:_LESSONS]:
            found = stencil(self._table, documents[int(number)].as_py())
            if found is not None and found not in self._known and len(self._known) < _MOST:
                self._known.append(found)
        scanner.use(self._known)
        return len(self._known) > before

    def _complete(self, scanner: Scanner, places: np.ndarray) -> pa.Table:
        columns = scanner.columns()
        extra, (hashes, keys) = columns.pop("_extra"), scanner.hashes()
        return pa.table(
            columns
            | {
                "_record_hash": numbers(hashes),
                "_extra": extra,
                "_doc": numbers(places),
                "_bad": pa.array(np.zeros(len(places), np.bool_)),
                "_key": numbers(keys) if self._table.id else pa.nulls(len(places), pa.int32()),
            }
        )
