"""What a flush writes: row by row, what was before and what is after.

Belongs here: reading it from the ORM. Does not belong here: what is done with it, what of it is secret or personal (audit).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, TextClause, inspect
from sqlalchemy.orm import ORMExecuteState, Session

_WRITES = re.compile(r"\s*(?P<verb>insert|update|delete)\s+(into\s+|from\s+)?app\.(?P<table>\w+)", re.IGNORECASE)
_DID = {"insert": "created", "update": "changed", "delete": "removed"}


@dataclass(frozen=True, slots=True)
class Change:
    """One row (or, `key` empty, rows that one statement found). `before` of a new row and `after` of a removed one are empty."""

    table: str
    did: str
    key: str
    before: dict[str, Any]
    after: dict[str, Any]


def rows_changed(session: Session) -> list[Change]:
    return [
        *(change for row in session.new for change in _made(row)),
        *(change for row in session.dirty if session.is_modified(row) for change in _changed(row)),
        *(change for row in session.deleted for change in _removed(row)),
    ]


def _values(row: Any) -> dict[str, Any]:
    state = inspect(row)
    return {a.key: state.dict[a.key] for a in state.mapper.column_attrs if a.key in state.dict}


def _made(row: Any) -> Iterator[Change]:
    yield Change(_table(row), "created", _key(row), {}, _plain(_values(row)))


def _changed(row: Any) -> Iterator[Change]:
    state = inspect(row)
    before, after = {}, {}
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if history.has_changes():
            before[attribute.key] = history.deleted[0] if history.deleted else None
            after[attribute.key] = history.added[0] if history.added else None
    yield Change(_table(row), "changed", _key(row), _plain(before), _plain(after))


def _removed(row: Any) -> Iterator[Change]:
    yield Change(_table(row), "removed", _key(row), _plain(_values(row)), {})


def _table(row: Any) -> str:
    return str(inspect(row).mapper.local_table.name)


def _key(row: Any) -> str:
    mapper = inspect(row).mapper
    return "/".join(str(value) for value in mapper.primary_key_from_instance(row))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    # what the server will compute is not known yet
    return {name: value for name, value in values.items() if not isinstance(value, ColumnElement)}


def statement_change(state: ORMExecuteState) -> Change | None:
    """Of a statement that writes past the ORM: that it did, and where it is not plain text which columns it set."""
    if isinstance(state.statement, TextClause):
        match = _WRITES.match(state.statement.text)
        return Change(match["table"], _DID[match["verb"].lower()], "", {}, {}) if match else None
    did = "changed" if state.is_update else "removed" if state.is_delete else "created" if state.is_insert else ""
    if not did or state.bind_mapper is None:
        return None
    columns = getattr(state.statement, "_values", None) or {}
    return Change(
        str(getattr(state.bind_mapper.local_table, "name", "")),
        did,
        "",
        {},
        {str(getattr(c, "key", c)): "…" for c in columns},
    )
