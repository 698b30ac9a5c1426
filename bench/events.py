"""Made-up application events: what the landing rows read, and the contract they are checked against.

Belongs here: the contract and a seeded generator. Does not belong here: landing or comparing them.

Twelve promised columns of every kind (id, enumerations, timestamps written in two ways, integers, a decimal, a boolean,
a nested path) and a few fields that the contract does not name, as every real export has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

from nexus.contracts import Column, Kind, Source, Table

TYPES = ("checkout.started", "checkout.completed", "file.uploaded", "file.shared", "login.succeeded", "login.failed")
CURRENCIES = ("eur", "usd", "gbp", "jpy")
_COUNTRIES = ("DE", "FR", "GB", "JP", "PL", "US", "BR", "IN")
_START = datetime(2026, 1, 1, tzinfo=UTC)

EVENT = Table(
    source="events",
    name="event",
    columns=(
        Column("id"),
        Column("type", required=True, values=TYPES),
        Column("occurred_at", Kind.timestamp, required=True),
        Column("received_at", Kind.timestamp, format="epoch_ms"),
        Column("account_id", required=True),
        Column("session_id"),
        Column("amount_minor", Kind.integer, minimum=0),
        Column("currency", values=CURRENCIES),
        Column("rate", Kind.decimal),
        Column("attempt", Kind.integer, required=True, minimum=1),
        Column("is_test", Kind.boolean),
        Column("country", path="context.country"),
    ),
    id="id",
    select="select _line, _text, doc from documents",
)
SOURCE = Source(name="events", title="Events", tables=(EVENT,), readers={"*.jsonl": "jsonl"})


def records(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` events, the same for the same seed."""
    random = Random(seed)
    pick, below = random.choice, random.random
    moment = _START
    for number in range(count):
        moment += timedelta(microseconds=int(below() * 4_000_000))
        yield {
            "id": f"evt_{random.getrandbits(96):024x}{number:08x}",
            "type": pick(TYPES),
            "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "received_at": int(moment.timestamp() * 1000) + int(below() * 5000),
            "account_id": f"acc_{int(below() * 50_000):06d}",
            "session_id": f"ses_{random.getrandbits(64):016x}",
            "amount_minor": int(below() * 100_000),
            "currency": pick(CURRENCIES),
            "rate": round(below() * 2, 6),
            "attempt": 1 + int(below() * 3),
            "is_test": below() < 0.02,
            "context": {"country": pick(_COUNTRIES), "app": pick(("web", "ios", "android"))},
            "trace": f"{random.getrandbits(64):016x}",
        }


def write(path: Path, count: int, seed: int) -> None:
    """One event a line."""
    with path.open("wb") as handle:
        for record in records(count, seed):
            handle.write(orjson.dumps(record))
            handle.write(b"\n")
