"""The chain: what is hashed, and whether a row of entries still is what it was. Pure.

    hash = SHA-256( hash of the entry before (32 bytes, zeros before the first) ‖ number ‖ "\\n" ‖ body )

`body` is JSON with sorted keys and no spaces, kept as the text that was hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

START = bytes(32)


class Link(Protocol):
    """An entry, as far as the chain is concerned."""

    number: int
    id: str
    occurred_at: datetime
    actor_id: str
    action: str
    body: str
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that is not what it was, and in what way."""

    number: int
    id: str
    why: str


def canonical(body: dict[str, Any]) -> str:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str).decode()


def digest(previous: bytes, number: int, body: str) -> bytes:
    return hashlib.sha256(previous + f"{number}\n{body}".encode()).digest()


class Verifier:
    """Follows the chain of one organisation, entry by entry. `head` is the last that was right."""

    def __init__(self) -> None:
        self.head: tuple[int, bytes] = (0, START)

    def follow(self, entries: Iterable[Link]) -> Broken | None:
        """The first entry that breaks the chain."""
        for entry in entries:
            if why := self._wrong(entry):
                return Broken(entry.number, entry.id, why)
            self.head = entry.number, bytes(entry.hash)
        return None

    def _wrong(self, entry: Link) -> str | None:
        number, hash = self.head
        if entry.number != number + 1:
            return f"it follows entry {number}: what was in between is gone"
        if bytes(entry.previous_hash) != hash:
            return "it does not continue the entry before it"
        if bytes(entry.hash) != digest(hash, entry.number, entry.body):
            return "its content is not what was hashed"
        said = orjson.loads(entry.body)
        shown = (entry.id, entry.occurred_at, entry.actor_id, entry.action)
        kept = (said["id"], datetime.fromisoformat(said["occurred_at"]), said["actor_id"], said["action"])
        return "what it is found by is not what it says" if shown != kept else None
