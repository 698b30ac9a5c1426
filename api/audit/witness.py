"""Sees every administrative act before it commits, and writes it down in the same transaction.

Belongs here: what an entry says. Does not belong here: the chain (chain.py, the migration), reading (repository.py).

An act that changed nothing (a refusal, a question) leaves no entry. Of secrets an entry says that they changed; of what is
personal too, because an entry is for ever and a person can ask to be forgotten. The actor's address is sealed under their key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.audit.chain import canonical
from api.audit.repository import append
from nexus.db import Session
from nexus.db.acts import Act
from nexus.db.changes import Change
from nexus.ids import new_id
from nexus.personal import sealed, sealed_text
from nexus.personal.register import personal_columns
from nexus.telemetry import context

#: Columns whose value is nobody's to read, by their names.
_SECRET = re.compile(r"(^|_)(hash|secret|token|password|proof|key|code|challenge|credential|sealed)(s|$|_)")
_HIDDEN_KEYS = {"user_name_key", "email_key"}
SECRET, PERSONAL = "(secret)", "(personal)"
#: What every change of a row changes besides, and says nothing.
_COUNTED = {"updated_at", "version", "created_at"}
#: Written with whatever is done, and nobody's act.
_HOUSEKEEPING = {"idempotency_key", "privacy_key", "audit_entry", "inbox"}
#: Rows of one act that are written down one by one, and bytes of one entry.
MOST, LARGEST = 200, 100_000


async def witness(session: Session, act: Act) -> None:
    changes = [c for c in session.changes if c.table not in _HOUSEKEEPING]
    told = list(session.recorded)
    if not changes and not told:
        return
    # sealed here already: what is hashed is what is kept
    await sealed(session, [(one.data, one.personal) for one in told])
    now = context.current()
    body: dict[str, Any] = {
        "id": new_id("aud"),
        "organisation_id": act.organisation,
        "occurred_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "actor_kind": act.actor_kind,
        "actor_id": act.actor_id,
        "person_id": act.person,
        "action": act.action,
        "permission": act.permission,
        "target": act.target,
        "address": await sealed_text(session, act.person, act.address) if act.person and act.address else act.address,
        "reason": act.reason,
        "trace_id": now.trace_id if now else None,
        "changes": [said for c in changes[:MOST] if _says_something(said := _shown(c))],
        "events": [{"id": e.id, "type": e.type, "subject": e.subject, "data": e.data} for e in told[:MOST]],
        "left_out": max(0, len(changes) - MOST) + max(0, len(told) - MOST),
    }
    text = canonical(body)
    if len(text) > LARGEST:
        # an act that touches much says what it touched; what was before and after, its events in the log say
        body["changes"] = [{"table": c.table, "did": c.did, "key": c.key} for c in changes[:MOST]]
        body["events"] = [{"id": e.id, "type": e.type, "subject": e.subject} for e in told[:MOST]]
        text = canonical(body)
    await append(session, act.organisation, text)


def _shown(change: Change) -> dict[str, Any]:
    personal = personal_columns().get(change.table, frozenset())

    def plain(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _value(name, value, personal) for name, value in values.items() if name not in _COUNTED}

    return {
        "table": change.table, "did": change.did, "key": change.key,
        "before": plain(change.before), "after": plain(change.after),
    }  # fmt: skip


def _says_something(said: dict[str, Any]) -> bool:
    """A row that only counts that something else has changed says nothing by itself."""
    return said["did"] != "changed" or bool(said["before"] or said["after"] or not said["key"])


def _value(name: str, value: Any, personal: frozenset[str]) -> Any:
    if name in personal:
        return None if value is None else PERSONAL
    if isinstance(value, bytes) or (_SECRET.search(name) and name not in _HIDDEN_KEYS):
        return None if value is None else SECRET
    return value
