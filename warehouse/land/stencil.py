"""How a document is spelt: what stands between its values, and which of them are columns.

Belongs here: taking one document apart, and telling whether the contract of a table lets one go by spelling at all.
Does not belong here: other documents that are spelt alike (stencils.py, scan.c).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nexus.contracts import Column, Kind, Table
from warehouse.land.paths import json_path, named_fields, named_tree, segments
from warehouse.land.rows import BLANKS

_DECODER = json.JSONDecoder()
_FORMATS = {Kind.timestamp: ("iso", "epoch", "epoch_ms"), Kind.date: ("iso",)}
#: Texts for which scan.c has room.
_MOST_COLUMNS = 250
#: Stands for a value where a document is written anew. A key that holds it is in doubt.
_MARK = "\0"


@dataclass(frozen=True, slots=True)
class Stencil:
    """`literals` stand before, between and behind the values of a document; `hashed` are those of the text that its hash is
    of, and `left` those of what the contract leaves. `columns` are the names of the values' columns, None for a value that is left.
    `unnamed` are the fields at the top of what is left that the contract does not reach into.
    """

    literals: tuple[str, ...]
    hashed: tuple[str, ...]
    left: tuple[str, ...]
    columns: tuple[str | None, ...]
    unnamed: frozenset[str]

    @property
    def as_written(self) -> bool:
        """Whether the hash is of the document as it is written."""
        return self.hashed == self.literals


def allows(table: Table) -> bool:
    """Whether the columns of `table` can be told by spelling: each stands at a place of its own and is no piece of JSON."""
    paths = [tuple(segments(column)) for column in table.columns]
    whole = set(paths)
    apart = all(path[:n] not in whole for path in paths for n in range(1, len(path)))
    hashed = all(c.kind in (Kind.string, Kind.integer) for c in table.columns if c.name == table.id)
    few = len(paths) <= _MOST_COLUMNS
    return few and hashed and apart and len(whole) == len(paths) and all(map(_plain, table.columns))


def _plain(column: Column) -> bool:
    if column.kind is Kind.json or json_path(column) == "$" or any(str(s).startswith("[") for s in segments(column)):
        return False
    numbers = column.kind in (Kind.integer, Kind.decimal)
    if (column.minimum is not None and not numbers) or (column.values and column.kind is not Kind.string):
        return False
    return column.format in _FORMATS.get(column.kind, (column.format,))


def stencil(table: Table, text: str) -> Stencil | None:
    """How `text`, one document, is spelt; None where that is no help with others: they would all be bad, or it is in doubt."""
    try:
        taker = _Taker(table, text.removesuffix("\n"))
        whole, left = taker.object(named_tree(table), ())
    except (_Doubtful, ValueError, IndexError, RecursionError):
        return None
    wanted = {column.name for column in table.columns if column.required or column.name == table.id}
    if taker.at != len(taker.text) or not wanted <= set(taker.columns):
        return None
    literals = (*taker.literals, taker.text[taker.since :])
    unnamed = frozenset(left) - named_fields(table)
    hashed = _split(whole) if any(blank in literal for literal in literals for blank in BLANKS) else literals
    return Stencil(literals, hashed, _split(left) if left else (), tuple(taker.columns), unnamed)


def _split(document: dict[str, Any]) -> tuple[str, ...]:
    """What stands around the marks in the text of `document`."""
    return tuple(json.dumps(document, ensure_ascii=False, separators=(",", ":")).split(json.dumps(_MARK)))


class _Doubtful(Exception):
    """The document tells nothing about others."""


class _Taker:
    """Goes through `text` once; `since` is where the literal begins that is under way."""

    def __init__(self, table: Table, text: str) -> None:
        self.text = text
        self.at = self.since = 0
        self.literals: list[str] = []
        self.columns: list[str | None] = []
        self._named = {tuple(segments(column)): column.name for column in table.columns}

    def object(self, named: dict[str, Any], path: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The object that begins here with marks for its values, and what is left of it, of whose fields `named` are named."""
        whole: dict[str, Any] = {}
        left: dict[str, Any] = {}
        self._expect("{")
        while True:
            key = self._key(whole)
            if isinstance(inner := named.get(key, 0), dict):
                whole[key], rest = self._reached_into(inner, (*path, key))
                if rest:
                    left[key] = rest
            else:
                self._value(self._named[*path, key] if inner is None else None)
                whole[key] = _MARK
                if inner is not None:
                    left[key] = _MARK
            if self.text[self.at] == "}":
                self.at += 1
                return whole, left
            self._expect(",")

    def _reached_into(self, named: dict[str, Any], path: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
        if self.text.startswith("null", self.at):
            self.at += 4
            self._blanks()
            return None, {}
        found = self.object(named, path)
        self._blanks()
        return found

    def _key(self, others: dict[str, Any]) -> str:
        begin = self.at
        key, self.at = _DECODER.raw_decode(self.text, begin)
        # a key that is written otherwise, or stands twice, or in two spellings, or holds a mark, is for a close look
        written = json.dumps(key, ensure_ascii=False) == self.text[begin : self.at]
        if not isinstance(key, str) or not written or _MARK in key or key.casefold() in map(str.casefold, others):
            raise _Doubtful
        self._blanks()
        self._expect(":")
        return key

    def _value(self, column: str | None) -> None:
        self.literals.append(self.text[self.since : self.at])
        self.columns.append(column)
        _, self.at = _DECODER.raw_decode(self.text, self.at)
        self.since = self.at
        self._blanks()

    def _expect(self, mark: str) -> None:
        if self.text[self.at] != mark:
            raise _Doubtful
        self.at += 1
        self._blanks()

    def _blanks(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
