"""The two rules, as pure functions over a few numbers and a moment.

Belongs here: arithmetic. Does not belong here: keeping the numbers (stores.py), clocks.

A *token bucket* lets `burst` through at once and then a steady rate: right for calls. A *sliding window* counts what was
let through in the last `period`, by the share of the window before that still lies in it: right for attempts and quotas.
Both hold three numbers for each key, whatever the traffic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

#: What is kept of a key: two numbers that mean what the rule says, and when they were true, in seconds.
Kept = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Decision:
    """`remaining` more are possible now; `reset` s until all are again; `retry_after` s until as much again is (0: now)."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    retry_after: float


class Rule(Protocol):
    """What a limit consists of. `name` is told to callers; `when_unknown` is what happens if the store is away."""

    # properties: the rules are frozen
    @property
    def name(self) -> str: ...

    @property
    def when_unknown(self) -> Literal["open", "closed"]: ...

    @property
    def policy(self) -> str:
        """As the header `RateLimit-Policy` says it."""

    @property
    def forget_after(self) -> float:
        """Seconds without a call after which a key is as if new."""

    def decide(self, kept: Kept | None, now: float, cost: int = 1) -> tuple[Decision, Kept]:
        """The decision and what is kept then. A refusal costs nothing."""


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """`rate` calls in `period` seconds, of which `burst` may come at once."""

    name: str
    rate: int
    period: float
    burst: int | None = None
    when_unknown: Literal["open", "closed"] = "open"

    @property
    def size(self) -> int:
        return self.burst or self.rate

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.rate};w={math.ceil(self.period)}'

    @property
    def forget_after(self) -> float:
        return self.size * self.period / self.rate

    def decide(self, kept: Kept | None, now: float, cost: int = 1) -> tuple[Decision, Kept]:
        refill = self.rate / self.period
        tokens = float(self.size)
        if kept is not None:
            # a clock that was set back gives nothing, and takes nothing
            tokens = min(tokens, kept[0] + max(0.0, now - kept[2]) * refill)
        # sums of fractions of seconds: a millionth of a call is no call
        allowed = tokens + 1e-6 >= cost
        if allowed:
            tokens = max(0.0, tokens - cost)
        wanted = min(max(cost, 1), self.size)
        wait = 0.0 if tokens + 1e-6 >= wanted else (wanted - tokens) / refill
        decision = Decision(allowed, self.size, int(tokens + 1e-6), (self.size - tokens) / refill, wait)
        return decision, (tokens, 0.0, now)


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """At most `limit` in any `period` seconds, up to the evenness within the window before."""

    name: str
    limit: int
    period: float
    when_unknown: Literal["open", "closed"] = "open"

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.limit};w={math.ceil(self.period)}'

    @property
    def forget_after(self) -> float:
        return 2 * self.period

    def decide(self, kept: Kept | None, now: float, cost: int = 1) -> tuple[Decision, Kept]:
        window = math.floor(now / self.period)
        before, present = 0.0, 0.0
        if kept is not None:
            passed = window - kept[2]
            if passed <= 0:
                before, present = kept[0], kept[1]
                window = int(kept[2])
            elif passed == 1:
                before = kept[1]
        elapsed = min(1.0, max(0.0, now / self.period - window))
        used = before * (1 - elapsed) + present
        allowed = used + cost <= self.limit + 1e-6
        if allowed:
            present += cost
            used += cost
        left = self.limit - used
        wanted = min(max(cost, 1), self.limit)
        wait = 0.0 if left + 1e-6 >= wanted else self._wait(before, present, elapsed, self.limit - wanted)
        reset = (2 - elapsed) * self.period if present else (1 - elapsed) * self.period
        return Decision(allowed, self.limit, max(0, int(left + 1e-6)), reset, wait), (before, present, float(window))

    def _wait(self, before: float, present: float, elapsed: float, room: int) -> float:
        """Seconds until no more than `room` is used: what lies in the window before fades, then what lies in this one."""
        if before > 0 and present <= room:
            return max(0.0, (1 - (room - present) / before - elapsed) * self.period)
        return (1 - elapsed) * self.period + max(0.0, (1 - room / present) * self.period)
