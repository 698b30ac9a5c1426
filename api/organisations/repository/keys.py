"""API keys by their hash, before a tenant is known, and the note of their use.

Belongs here: one statement that reads all that a key stands for, as every request with a key does. Does not belong here:
what it comes to (authentication.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from time import monotonic
from typing import Any

import orjson

from api.organisations.repository.access import Given, Subject, given
from nexus.db import Database
from nexus.db.at_once import Proof

#: How exact `last_used_at` is: no request writes more often than this.
NOTED_EVERY = timedelta(minutes=1)
_MOST = 2000
_VALID = "select fresh_for, stands_for, expires_at, stamp from app.organisations_key($1, $2)"
#: Whatever changes what keys of an organisation stand for renews its stamp (migration organisations_0004).
_STILL = "{} > now() and exists (select from app.organisations_access a where a.organisation_id = {} and a.stamp = {})"
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


@dataclass(frozen=True, slots=True)
class Read:
    """What the database has said of a key, and the proof that it would say it again. By `until`, in seconds of the monotonic
    clock, its use is to be noted again."""

    held: Held
    proof: Proof
    until: float


async def valid(database: Database, digest: bytes) -> Held | None:
    """What the key stands for at this moment; None if it or its holder may nothing (any more)."""
    row = await database.lookups.row(_VALID, digest, NOTED_EVERY)
    if row is None:
        _seen.pop(digest, None)
        return None
    fresh_for, stands_for, expires_at, stamp = row
    held = _held(stands_for)
    if fresh_for is None or fresh_for <= 0:
        await database.lookups.row(_NOTE, held.id, NOTED_EVERY)
        fresh_for = NOTED_EVERY.total_seconds()
    _remember(digest, Read(held, Proof(_STILL, (expires_at, held.organisation, stamp)), monotonic() + fresh_for))
    return held


def believed(digest: bytes) -> tuple[Held, Proof] | None:
    """What the key stood for when it was last read here, and what must be proved for it to be so; None if it was not read, or
    its use is to be noted."""
    read = _seen.get(digest)
    return None if read is None or read.until < monotonic() else (read.held, read.proof)


#: Hash of a key → what was read of it last.
_seen: dict[bytes, Read] = {}


def _remember(digest: bytes, read: Read) -> None:
    if len(_seen) >= _MOST:
        _seen.clear()
    _seen[digest] = read


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
