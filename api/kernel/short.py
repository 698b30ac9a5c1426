"""The short way of a request: what is known of its caller from a moment ago is believed, and proved by the first statement.

Belongs here: which requests may go it, what they still owe, turning round. Does not belong here: what is believed (the slice
whose credential it is), the statement (nexus/db/at_once.py).

A route goes the short way if its transaction is a `DirectTransaction`, whose first statement proves what is owed before it
reads or writes anything. Where the proof fails, or an Idempotency-Key is not new, nothing was done: the request is answered
again from the start, the long way, which asks about the caller first. A revocation counts with the next statement, as ever.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.types import Scope

from nexus.db.at_once import Again, Proof
from nexus.db.engine import Database

_OWED, _BODY, _TAKEN, _IS_LONG = "nexus.owed", "nexus.body", "nexus.taken", "nexus.long"


def is_possible(request: Request) -> bool:
    """Whether this request may believe what it then owes a proof of."""
    return getattr(request.scope.get("route"), "is_direct", False) and _IS_LONG not in request.scope


def owe(request: Request, proof: Proof) -> None:
    request.scope[_OWED] = proof


def owed(scope: Scope) -> Proof | None:
    """What is still to be proved, once: whoever has it proves it before anything is read or written."""
    found: Proof | None = scope.pop(_OWED, None)
    return found


async def settle(request: Request) -> None:
    """Proves what an error would otherwise leave unproved: who is not let in is not told what else is wrong. Raises Again."""
    if (proof := owed(request.scope)) is None:
        return
    database: Database = request.app.state.database
    sql = f"select {proof.sql.format(*(f'${n + 1}' for n in range(len(proof.values))))}"
    if not (found := await database.lookups.row(sql, *proof.values)) or not found[0]:
        raise Again


def turned_round(scope: Scope, first: Scope) -> Scope:
    """The same request from the start, the long way; `first` is the scope as it was then."""
    kept: dict[str, Any] = {name: scope[name] for name in (_BODY, _TAKEN) if name in scope}
    return {**first, **kept, _IS_LONG: True}


def taken(scope: Scope) -> dict[Any, Any]:
    """What limits have decided about this request: it is counted once, whichever way it goes."""
    found: dict[Any, Any] = scope.setdefault(_TAKEN, {})
    return found


class Kept(Request):
    """A request whose body can be read by those who answer it the second time."""

    async def body(self) -> bytes:
        if (known := self.scope.get(_BODY)) is None:
            known = self.scope[_BODY] = await super().body()
        assert isinstance(known, bytes)
        return known
