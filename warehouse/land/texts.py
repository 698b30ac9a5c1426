"""The documents of a piece as texts, by kind.

Belongs here: which texts are those of a table that takes documents as they are. Does not belong here: scanning them
(scanned.py), tables that make something else of documents (typist.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexus.contracts import Table

_AS_THEY_ARE = re.compile(r"select _line, _text, doc from documents(?: where _kind = '([^']*)')?")


def takes(table: Table) -> tuple[bool, str | None]:
    """Whether `table` takes documents as they are: all of them, or those of a kind."""
    found = _AS_THEY_ARE.fullmatch(" ".join(table.select.split()))
    return found is not None, found[1] if found else None


class Texts:
    """Texts of `piece(_line, _text)`; `kinds` asks the engine for `(_line, _kind)` of its documents, where anybody wants to know."""

    def __init__(self, piece: pa.Table, kinds: Callable[[], pa.Table]) -> None:
        self._texts = piece["_text"]
        self._places = piece["_line"].to_numpy()
        self._ask = kinds
        self._kinds: pa.ChunkedArray | None = None

    def of(self, table: Table) -> tuple[pa.ChunkedArray, np.ndarray]:
        """Texts of the documents that `table` takes, and their places. Raises Malformed where one is no JSON."""
        _, kind = takes(table)
        if kind is None:
            return self._texts, self._places
        if self._kinds is None:
            found = self._ask()
            order = np.argsort(found["_line"].to_numpy(), kind="stable")
            self._kinds = found["_kind"].take(pa.array(order))
        mine = pc.fill_null(pc.equal(self._kinds, kind), False)
        # texts stand in the order of their places
        return self._texts.filter(mine), self._places[mine.to_numpy()]
