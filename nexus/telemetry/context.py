"""The trace that the running code belongs to (W3C Trace Context), and what caused it.

Belongs here: reading and writing `traceparent`, the context variable. Does not belong here: spans and where they go.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Context:
    """One span of one trace. `correlation` is the request, job or event from which everything here followed; `causation`
    the event that led to it directly."""

    trace_id: str
    span_id: str
    sampled: bool = True
    correlation: str | None = None
    causation: str | None = None

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


_current: ContextVar[Context | None] = ContextVar("nexus_trace", default=None)
set_current = _current.set
reset = _current.reset


def current() -> Context | None:
    return _current.get()


def begin(traceparent: str | None = None, *, correlation: str | None = None, causation: str | None = None) -> Context:
    """A context below `traceparent`, or of a new trace if that is absent or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None or set(match["trace"]) == {"0"} or set(match["span"]) == {"0"}:
        trace, sampled = secrets.token_hex(16), True
    else:
        trace, sampled = match["trace"], bool(int(match["flags"], 16) & 1)
    return Context(trace, secrets.token_hex(8), sampled, correlation, causation)
