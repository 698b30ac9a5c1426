"""Reading the audit log: entries opened for whoever may see them.

Belongs here: from rows to what is shown. Does not belong here: writing (witness.py), verifying (chain.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from api.audit.models import Entry
from api.audit.schemas import EntryOut
from nexus.db import Session
from nexus.personal import opened


async def shown(session: Session, entries: Sequence[Entry]) -> list[EntryOut]:
    """The entries with what is sealed opened; of a person who was erased, a mark is left."""
    bodies: list[dict[str, Any]] = await opened(session, [orjson.loads(entry.body) for entry in entries])
    told = [event for body in bodies for event in body["events"]]
    for event, data in zip(told, await opened(session, [e.get("data", {}) for e in told]), strict=True):
        event["data"] = data
    return [
        EntryOut(
            **{name: value for name, value in body.items() if name in EntryOut.model_fields},
            number=entry.number,
            hash=bytes(entry.hash).hex(),
            previous_hash=bytes(entry.previous_hash).hex(),
        )
        for entry, body in zip(entries, bodies, strict=True)
    ]
