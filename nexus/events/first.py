"""The first event of a stream as one plain insert, which is what most new rows come with: no function counts, no text is parsed twice.

Belongs here: which recording is one, its SQL and values. Does not belong here: any other event (`app.append_events`), sending it.

It promises what `app.append_events` promises: it takes the same lock of the stream, and where events of the stream were there
and are gone (pruned) it is not the first. Where they are there still, the unique key of stream and number refuses it. So there
is none before it whose place in the log (kernel_0011) it could take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from nexus.events.event import Recording

#: Columns of `app.events` and values that the statement takes, in their order.
COLUMNS = (
    "id", "type", "source", "subject", "stream", "time", "schemaver", "organisation_id", "workspace_id",
    "traceparent", "correlation_id", "causation_id", "data",
)  # fmt: skip
_STREAM, _TIME, _ORGANISATION = (COLUMNS.index(name) for name in ("stream", "time", "organisation_id"))


def is_first(recordings: Sequence[Recording]) -> bool:
    return len(recordings) == 1 and recordings[0].expected_version == 0


def values(recording: Recording) -> list[Any]:
    """Of COLUMNS."""
    return [*(getattr(recording, name) for name in COLUMNS[:-1]), orjson.dumps(recording.data).decode()]


def condition(said: Sequence[str]) -> str:
    """Locks the stream; false where it was pruned. `said`: what stands for COLUMNS in the statement."""
    organisation, stream = said[_ORGANISATION], said[_STREAM]
    locked = f"pg_advisory_xact_lock(hashtextextended({organisation}::text || '/' || {stream}::text, 7303)) is not null"
    return f"{locked} and not exists (select from app.pruned_stream where organisation_id = {organisation} and stream = {stream})"


def insert(said: Sequence[str], source: str) -> str:
    """One event for the one row of `source`."""
    given = list(said)
    given[_TIME] = f"{given[_TIME]}::text::timestamptz"
    return f"insert into app.events ({', '.join(COLUMNS)}, sequence) select {', '.join(given)}, 1 from {source}"
