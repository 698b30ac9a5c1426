"""Statements that are planned once and run for every piece.

Belongs here: preparing them, and what their errors mean. Does not belong here: their text (rows.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import duckdb

from nexus.errors import InputError
from nexus.trouble import machine_error

T = TypeVar("T")


class Malformed(Exception):
    """A text was trusted to be JSON and is not."""


class Statements:
    """The contract of `source` run on `engine`. Planning a statement costs as much as running it on ten thousand rows."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, source: str) -> None:
        self._engine = engine
        self._source = source
        self._names: dict[tuple[str, str], str] = {}
        #: What `documents` means at present. A statement that was planned goes on reading what it meant then.
        self.meaning = ""

    def run(self, query: str, where: str, take: Callable[[duckdb.DuckDBPyConnection], T], often: bool = False) -> T:
        """What `take` makes of the result of `query`, which has no parameters; what runs `often`, for piece after piece, is
        planned once.

        Raises Malformed, or InputError for SQL of the contract that fails; `where` says which part of it.
        """
        try:
            # the engine goes on with a statement while its rows are taken, so errors may come until the last
            return take(self._engine.execute(self._planned(query) if often else query))
        except duckdb.Error as error:
            raise self._failed(where, error) from error

    def _planned(self, query: str) -> str:
        key = (self.meaning, query)
        if key not in self._names:
            name = f"nexus_{len(self._names)}"
            self._engine.execute(f"prepare {name} as {query}")
            self._names[key] = name
        return f"execute {self._names[key]}"

    def _failed(self, where: str, error: duckdb.Error) -> Exception:
        if "Malformed JSON" in str(error):
            return Malformed()
        return machine_error(error) or InputError(
            f"source {self._source!r}, {where}: its SQL failed: {str(error).splitlines()[0]}",
            remedy=f"correct the contract of {self._source}; nothing of this batch has landed",
        )
