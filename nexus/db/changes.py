"""What a transaction writes: row by row, what was before and what is after.

Belongs here: reading it from the ORM, and around statements that write past it. Does not belong here: what is done with
it, what of it is secret or personal (audit). Nothing is looked at unless somebody's act is to be witnessed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Result,
    Table,
    TextClause,
    Update,
    inspect,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session

_WRITES = re.compile(r"\s*(?P<verb>insert|update|delete)\s+(into\s+|from\s+)?app\.(?P<table>\w+)", re.IGNORECASE)
_DID = {"insert": "created", "update": "changed", "delete": "removed"}
#: Rows of one statement that are looked at; of more it is only told that there were.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One row (or, `key` empty, rows that one statement found). `before` of a new row and `after` of a removed one are empty."""

    table: str
    did: str
    key: str
    before: dict[str, Any]
    after: dict[str, Any]


def is_witnessed(session: Session) -> bool:
    act = session.info.get("act")
    return act is not None and act() is not None


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


def note_statement(state: ORMExecuteState) -> Result[Any] | None:
    """Notes what a statement that writes past the ORM does, row by row if the rows can be looked up; its result if so."""
    noted_rows: list[Change] = state.session.info["changes"]
    statement = state.statement
    if isinstance(statement, TextClause):
        match = _WRITES.match(statement.text)
        if match is None or match["table"] in state.session.info.get("looked_at", ()):
            return None
        result: Result[Any] = state.invoke_statement()
        if getattr(result, "rowcount", -1) != 0:
            noted_rows.append(Change(match["table"], _DID[match["verb"].lower()], "", {}, {}))
        return result
    if isinstance(statement, Update | Delete) and isinstance(statement.table, Table) and not state.is_executemany:
        return _around(state, statement, statement.table, noted_rows)
    if state.is_insert and state.bind_mapper is not None:
        columns = getattr(statement, "_values", None) or {}
        said = {str(getattr(c, "key", c)): "…" for c in columns}
        noted_rows.append(Change(str(getattr(state.bind_mapper.local_table, "name", "")), "created", "", {}, said))
    return None


def _around(state: ORMExecuteState, statement: Update | Delete, table: Table, into: list[Change]) -> Result[Any] | None:
    connection = state.session.connection()
    found = select(table).limit(MOST + 1)
    if statement.whereclause is not None:
        found = found.where(statement.whereclause)
    was = _by_key(table, connection.execute(found, state.parameters or {}).mappings().all())
    if len(was) > MOST:
        into.append(
            Change(table.name, "changed" if state.is_update else "removed", "", {}, {"rows": f"more than {MOST}"})
        )
        return None
    result: Result[Any] = state.invoke_statement()
    into += _compared(table.name, was, _now(connection, table, was) if state.is_update else {})
    return result


def _now(connection: Connection, table: Table, keys: Collection[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    if not keys:
        return {}
    chosen = select(table).where(tuple_(*table.primary_key).in_(list(keys)))
    return _by_key(table, connection.execute(chosen).mappings().all())


def _by_key(table: Table, rows: Sequence[Mapping[Any, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    names = [column.name for column in table.primary_key]
    return {tuple(row[name] for name in names): dict(row) for row in rows}


def _compared(
    table: str, was: Mapping[tuple[Any, ...], dict[str, Any]], now: Mapping[tuple[Any, ...], dict[str, Any]]
) -> Iterator[Change]:
    for key, before in was.items():
        after = now.get(key)
        named = "/".join(str(part) for part in key)
        if after is None:
            yield Change(table, "removed", named, before, {})
        elif differ := [name for name in before if before[name] != after.get(name)]:
            yield Change(table, "changed", named, {n: before[n] for n in differ}, {n: after.get(n) for n in differ})
    for key in now.keys() - was.keys():
        yield Change(table, "created", "/".join(str(part) for part in key), {}, now[key])


@asynccontextmanager
async def noted(
    session: AsyncSession, table: str, key: Sequence[str], columns: Sequence[str], where: str, values: Mapping[str, Any]
) -> AsyncIterator[None]:
    """Around statements in plain text, which nobody can look into: `columns` of the rows that `where` finds, before and
    after. All but `values` is SQL of ours; no column is personal, since an audit log is for ever."""
    if not is_witnessed(session.sync_session):
        yield
        return
    sql = text(f"select {', '.join([*key, *columns])} from app.{table} where {where} limit {MOST}")
    session.info.setdefault("looked_at", set()).add(table)

    async def looked_up() -> dict[tuple[Any, ...], dict[str, Any]]:
        rows = (await session.execute(sql, values)).mappings().all()
        return {tuple(row[name] for name in key): {name: row[name] for name in columns} for row in rows}

    was = await looked_up()
    yield
    session.info["changes"] += _compared(table, was, await looked_up())
