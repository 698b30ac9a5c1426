"""API keys by their hash, before a tenant is known, and the note of their use.

Belongs here: one statement that reads all that a key stands for, as every request with a key does. Does not belong here:
what it comes to (authentication.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import orjson

from api.organisations.repository.access import Given, Subject, given
from nexus.db import Database
from nexus.db.at_once import Proof

#: How exact `last_used_at` is: no request writes more often than this.
NOTED_EVERY = timedelta(minutes=1)
_MOST = 2000
_VALID = "select is_stale, stands_for from app.organisations_key($1, $2)"
#: False also where the use is to be noted, which the long way does.
_STILL = "coalesce((select not k.is_stale and k.stands_for = {} from app.organisations_key({}, {}) k), false)"
#: Its version stays: nobody changed it. Whoever comes second finds it noted.
_NOTE = """
update app.organisations_api_key set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at < now() - $2::interval) returning id
"""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a valid key stands for. The same object as long as the database says the same."""

    id: str
    organisation: str
    scopes: dict[str, list[str]]
    subject: Subject
    workspaces: frozenset[str]
    given: tuple[Given, ...]


async def valid(database: Database, digest: bytes) -> Held | None:
    """What the key stands for at this moment; None if it or its holder may nothing (any more)."""
    row = await database.lookups.row(_VALID, digest, NOTED_EVERY)
    if row is None:
        _seen.pop(digest, None)
        return None
    is_stale, stands_for = row
    _remember(digest, stands_for)
    held = _held(stands_for)
    if is_stale:
        await database.lookups.row(_NOTE, held.id, NOTED_EVERY)
    return held


def believed(digest: bytes) -> tuple[Held, Proof] | None:
    """What the key stood for when it was last read here, and what must be proved for it to be so; None if it was not read."""
    stands_for = _seen.get(digest)
    return None if stands_for is None else (_held(stands_for), Proof(_STILL, (stands_for, digest, NOTED_EVERY)))


#: Hash of a key → what the database has last said of it.
_seen: dict[bytes, str] = {}


def _remember(digest: bytes, stands_for: str) -> None:
    if len(_seen) >= _MOST:
        _seen.clear()
    _seen[digest] = stands_for


@lru_cache(maxsize=_MOST)
def _held(stands_for: str) -> Held:
    """The same text means the same: nothing is remembered that the database has not just said again."""
    said: dict[str, Any] = orjson.loads(stands_for)
    if said["member"] is not None:
        subject = Subject("member", said["member"], True, said["user"])
    else:
        subject = Subject("service_account", said["account"], True)
    held = tuple(given(*row) for row in said["given"] or ())
    workspaces = frozenset(said["workspaces"] or ())
    return Held(said["id"], said["organisation"], said["scopes"], subject, workspaces, held)
