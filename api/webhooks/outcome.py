"""What an attempt means: delivered, to be sent again and when, or given up. Pure.

Belongs here: the schedule, `Retry-After`, when an endpoint is switched off. Does not belong here: sending, tables.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Pauses before each attempt, as Standard Webhooks advises; altogether a little more than three days.
SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: The longest `Retry-After` that is waited for.
LONGEST = timedelta(hours=24)
#: An endpoint is switched off once nothing but failures, and so many, lie within such a time.
FAILING_FOR, FAILURES = timedelta(days=5), 10
#: Characters of an answer that are kept.
EXCERPT = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt. `status` is None where nobody answered."""

    started_at: datetime
    duration_ms: int | None = None
    status: int | None = None
    error: str | None = None
    response: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants nothing more, ever."""
        return self.status == 410


def excerpt(body: bytes) -> str:
    """The beginning of an answer as text that a database takes and a terminal does not obey."""
    text = body.decode("utf-8", "replace")[:EXCERPT]
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """`Retry-After` in either form (RFC 9110, 10.2.3), at most LONGEST; None if absent or nonsense."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=min(int(said[:10]), 10**6)), LONGEST)
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return None
    wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST)


def pause(step: int, asked: timedelta | None) -> timedelta | None:
    """How long to wait after the attempt number `step` since the beginning (from 1); None: that was the last.

    Up to a fifth longer than the schedule says, so that what failed together does not come back together; never sooner
    than the receiver asked for.
    """
    if step >= len(SCHEDULE):
        return None
    return max(SCHEDULE[step] * random.uniform(1.0, 1.2), asked or timedelta(0))


def is_failing(since: datetime, failures: int, now: datetime) -> bool:
    """Whether an endpoint that has only failed `since` is to be switched off."""
    return now - since >= FAILING_FOR and failures >= FAILURES
