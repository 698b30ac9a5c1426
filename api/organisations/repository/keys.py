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

from api.identity import directory
from api.organisations.repository.access import Given, Subject, given
from nexus.db import Database

#: How exact `last_used_at` is: no request writes more often than this.
NOTED_EVERY = timedelta(minutes=1)
_VALID = f"""
select k.last_used_at is null or k.last_used_at < now() - $2::interval as is_stale, jsonb_build_object(
    'id', k.id, 'organisation', k.organisation_id, 'scopes', k.scopes,
    'member', k.member_id, 'user', m.user_id, 'account', k.service_account_id,
    'workspaces', (select jsonb_agg(w.id) from app.workspace w where w.organisation_id = k.organisation_id),
    'given', (
      select jsonb_agg(jsonb_build_array(a.id, a.role, r.name, r.permissions, a.scope, a.condition, a.group_id, g.name)
        order by a.id)
      from app.organisations_assignment a
      left join app.organisations_role r on r.id = a.role and r.organisation_id = a.organisation_id
      left join app.organisations_group g on g.id = a.group_id
      where a.organisation_id = k.organisation_id and (
        a.member_id = k.member_id or a.service_account_id = k.service_account_id
        or a.group_id in (select group_id from app.organisations_group_member where member_id = k.member_id))
    ))::text as stands_for
from app.organisations_api_key k
left join app.organisations_member m on m.id = k.member_id
left join app.organisations_service_account s on s.id = k.service_account_id
where k.hash = $1 and k.revoked_at is null and k.expires_at > now()
  and (k.member_id is null or (m.status = 'active' and {directory.ACTIVE.format("m.user_id")}))
  and (k.service_account_id is null or s.disabled_at is null)
"""
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
        return None
    is_stale, stands_for = row
    held = _held(stands_for)
    if is_stale:
        await database.lookups.row(_NOTE, held.id, NOTED_EVERY)
    return held


@lru_cache(maxsize=2000)
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
