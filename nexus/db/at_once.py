"""A request's whole transaction as one statement: it opens, does what it is for, and ends, in one trip to the server.

Belongs here: the SQL of such statements, and what one may have to prove. Does not belong here: sending them (direct.py).

PostgreSQL promises no order between parts of a statement that do not need each other. So everything here needs the opening: a query
stands lateral to it, the kept answer is inserted from it, rows and events from that. It says the tenant first, and where it
says no, or the answer stands there already, nothing is read and nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from nexus.events import first
from nexus.tenancy import ORGANISATION, WORKSPACE

#: Table and columns of a row to be inserted.
Shape = tuple[str, tuple[str, ...]]
#: Values that a statement takes besides those of proof, events and rows, in their order.
TENANT, KEY, KEPT = 2, ("route", "key"), ("fingerprint", "status", "headers", "body")
#: What is told: no event, one that begins its stream (events/first.py), or any number of others.
Told = Literal["nothing", "first", "batch"]
_ANSWER = "app.idempotency_key (organisation_id, workspace_id, route, key, fingerprint, status, headers, body)"


class Again(Exception):
    """The short way did not do: nothing was read or written by it, and the long way finds out why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was believed of a caller without asking, and must be true for the transaction: SQL of a condition with `{}` for each
    of `values`. It is asked as the transaction's own role, once its tenant is said."""

    sql: str
    values: tuple[Any, ...]


@lru_cache(maxsize=1000)
def opening(proof: str | None, number: int, condition: str = "true", start: int = 1) -> str:
    """A condition that says the tenant, and is true if the proof holds and `condition` does.

    From `$start` on it takes workspace, organisation, and `number` values of the proof.
    """
    workspace, organisation, *others = (f"${start + n}" for n in range(TENANT + number))
    if proof is not None:
        condition = f"case when {proof.format(*others)} then {condition} else false end"
    # a case is the one thing that PostgreSQL evaluates from left to right
    said = f"set_config('{WORKSPACE}', {workspace}, true) is not null and set_config('{ORGANISATION}', {organisation}, true) is not null"
    return f"case when {said} then {condition} else false end"


@lru_cache(maxsize=1000)
def begin(proof: str | None, number: int, has_key: bool) -> str:
    """The opening of a transaction that stays open; with an Idempotency-Key, whose route and key it takes last, also false
    where somebody has it."""
    route, key = (f"${TENANT + number + n + 1}" for n in range(len(KEY)))
    return f"select {opening(proof, number, f'app.key_is_new($2, $1, {route}, {key})' if has_key else 'true')}"


@lru_cache(maxsize=1000)
def query(sql: str, taken: int, proof: str | None, number: int) -> str:
    """`sql`, which takes `taken` values, after an opening. The first two columns: whether it opened, and whether this is a row."""
    return (
        f"select o.go, n.* from (select {opening(proof, number, start=taken + 1)} as go offset 0) o"
        f" left join lateral (select true as is_row, q.* from ({sql}) q where o.go offset 0) n on true"
    )


@lru_cache(maxsize=1000)
def change(shapes: tuple[Shape, ...], proof: str | None, number: int, has_key: bool, told: Told) -> str:
    """Rows of these shapes, events, and an answer under a key: one row, true if everything was done and false if nothing was.

    Takes what the opening takes, KEY and KEPT where there is a key, what is told, then the values of the rows.
    """
    at = TENANT + number

    def taken(names: Sequence[str]) -> list[str]:
        nonlocal at
        at += len(names)
        return [f"${n}" for n in range(at - len(names) + 1, at + 1)]

    conditions, source, parts, done = [], "o", [], "true"
    if has_key:
        route, key, *kept = taken(KEY + KEPT)
        # whoever holds the lock is answering; whoever held it a moment ago has left a row, which an insert sees and this snapshot
        # may not
        conditions.append(
            f"pg_try_advisory_xact_lock(hashtextextended(concat_ws('/', $2::text, $1::text, {route}::text, {key}::text), 7304))"
        )
        answer = ", ".join(("$2", "$1", route, key, *kept))
        parts.append(f"k as (insert into {_ANSWER} select {answer} from o on conflict do nothing returning true)")
        source = "k"
    if told == "first":
        event = taken(first.COLUMNS)
        conditions.append(first.condition(event))
        parts.append(f"e as ({first.insert(event, source)})")
    elif told == "batch":
        done = f"app.append_events({taken((told,))[0]}) is not null"
    for index, (table, columns) in enumerate(shapes):
        row = ", ".join(taken(columns))
        parts.append(f"w{index} as (insert into {table} ({', '.join(columns)}) select {row} from {source})")
    opened = opening(proof, number, " and ".join(conditions) or "true")
    parts.insert(0, f"o as materialized (select where {opened})")
    return f"with {', '.join(parts)} select coalesce((select {done} from {source}), false)"


def insert(shape: Shape) -> str:
    """One row, in a transaction that is open."""
    table, columns = shape
    return f"insert into {table} ({', '.join(columns)}) values ({', '.join(f'${n + 1}' for n in range(len(columns)))})"
