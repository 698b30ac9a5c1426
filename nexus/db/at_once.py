"""A request's whole transaction as one statement: it opens, does what it is for, and ends, in one trip to the server.

Belongs here: the SQL of such statements, and what one may have to prove. Does not belong here: sending them (direct.py).

PostgreSQL promises no order between parts of a statement that do not need each other. So everything here needs the opening: rows
are inserted from it, a query stands lateral to it, the end is a case of it. It says the tenant first, and where it says no,
nothing is read and nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nexus.tenancy import ORGANISATION, WORKSPACE

#: Table and columns of a row to be inserted.
Shape = tuple[str, tuple[str, ...]]
#: Values that a statement takes besides those of proof and rows, in their order.
TENANT, KEY, END = 2, ("route", "key"), ("batch", "fingerprint", "status", "headers", "body")


class Again(Exception):
    """The short way did not do: nothing was read or written by it, and the long way finds out why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was believed of a caller without asking, and must be true for the transaction: SQL of a condition with `{}` for each
    of `values`. It is asked as the transaction's own role, once its tenant is said."""

    sql: str
    values: tuple[Any, ...]


@lru_cache(maxsize=1000)
def opening(proof: str | None, number: int, has_key: bool, first: int = 1) -> str:
    """A condition that says the tenant, and is true if the proof holds and nobody has the Idempotency-Key.

    From `$first` on it takes workspace, organisation, `number` values of the proof, route and key.
    """
    workspace, organisation, *others = (f"${first + n}" for n in range(TENANT + number + len(KEY)))
    condition = "true"
    if has_key:
        condition = f"app.key_is_new({organisation}, {workspace}, {', '.join(others[number:])})"
    if proof is not None:
        condition = f"case when {proof.format(*others[:number])} then {condition} else false end"
    # a case is the one thing that PostgreSQL evaluates from left to right
    said = f"set_config('{WORKSPACE}', {workspace}, true) is not null and set_config('{ORGANISATION}', {organisation}, true) is not null"
    return f"case when {said} then {condition} else false end"


@lru_cache(maxsize=1000)
def query(sql: str, taken: int, proof: str | None, number: int) -> str:
    """`sql`, which takes `taken` values, after an opening. The first two columns: whether it opened, and whether this is a row."""
    return (
        f"select o.go, n.* from (select {opening(proof, number, False, taken + 1)} as go offset 0) o"
        f" left join lateral (select true as is_row, q.* from ({sql}) q where o.go offset 0) n on true"
    )


@lru_cache(maxsize=1000)
def change(shapes: tuple[Shape, ...], proof: str | None, number: int, has_key: bool) -> str:
    """Rows of these shapes, events, and an answer under a key. Takes what the opening takes, END, then the values of the rows."""
    workspace, organisation, *_ = said = [f"${n}" for n in range(1, 1 + TENANT + number + (len(KEY) if has_key else 0))]
    route, key = said[-2:] if has_key else ("null", "null")
    at = len(said) + 1
    batch, fingerprint, status, headers, body = (f"${at + n}" for n in range(len(END)))
    at += len(END)
    parts = [f"o as materialized (select {opening(proof, number, has_key)} as go)"]
    for index, (table, columns) in enumerate(shapes):
        values = ", ".join(f"${at + n}" for n in range(len(columns)))
        at += len(columns)
        parts.append(f"w{index} as (insert into {table} ({', '.join(columns)}) select {values} from o where o.go)")
    end = f"app.end_request({batch}, {organisation}, {workspace}, {route}, {key}, {fingerprint}, {status}, {headers}, {body})"
    return f"with {', '.join(parts)} select case when o.go then {end} else false end from o"


def insert(shape: Shape) -> str:
    """One row, in a transaction that is open."""
    table, columns = shape
    return f"insert into {table} ({', '.join(columns)}) values ({', '.join(f'${n + 1}' for n in range(len(columns)))})"
