"""The trace that the running code belongs to (W3C Trace Context), and what caused it.

Belongs here: reading and writing `traceparent`, the context variable. Does not belong here: spans and where they go.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


@dataclass(slots=True)
class Context:
    """One span of one trace, and for whom. `correlation` is the request, job or event from which everything here followed; `causation`
    the event that led to it directly."""

    trace_id: str
    span_id: str
    sampled: bool = True
    correlation: str | None = None
    causation: str | None = None
    organisation: str | None = None
    workspace: str | None = None
    #: where spans of this work wait to be kept; None: the queue of the process
    sink: deque[Any] | None = None

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


_current: ContextVar[Context | None] = ContextVar("nexus_trace", default=None)
set_current = _current.set
reset = _current.reset


def current() -> Context | None:
    return _current.get()


#: The span id of a context that no span has begun yet.
NO_SPAN = "0" * 16


def begin(traceparent: str | None = None, *, correlation: str | None = None, causation: str | None = None) -> Context:
    """The context that `traceparent` tells of, or of a new trace if that is absent or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None or set(match["trace"]) == {"0"} or set(match["span"]) == {"0"}:
        return Context(secrets.token_hex(16), NO_SPAN, True, correlation, causation)
    return Context(match["trace"], match["span"], bool(int(match["flags"], 16) & 1), correlation, causation)


def below(above: Context) -> Context:
    """A context for a span within `above`."""
    # field by field: `dataclasses.replace` takes four times as long, and every span comes by here
    return Context(
        above.trace_id, secrets.token_hex(8), above.sampled, above.correlation, above.causation,
        above.organisation, above.workspace, above.sink,
    )  # fmt: skip
