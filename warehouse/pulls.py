"""The ledger's side of pulling from providers: cursors, and what became of each pull.

Belongs here: the tables `pull_cursor`, `pull` and `pull_stream`. Does not belong here: talking to providers
(orchestration/live).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from warehouse.land import Counts
from warehouse.ledger import Connection

Cursor = Mapping[str, Any]
#: So many pulls of a stream are kept, the newest ones and the newest that succeeded: five days of quarter hours.
KEPT = 500
#: So many older ones are deleted at once at most, when a pull ends.
_AT_ONCE = 1000

#: By the index, two rows for each stream: however long the history is.
_STATES = """
    select p.*, s.landed_count as landed_total, c.caught_up_at, done.ended_at as last_success_at
    from pull_stream s
    cross join lateral (
        select * from pull where (workspace_id, connection, stream) = (s.workspace_id, s.connection, s.stream)
        order by started_at desc limit 1
    ) p
    left join lateral (
        select ended_at from pull
        where (workspace_id, connection, stream) = (s.workspace_id, s.connection, s.stream) and status = 'done'
        order by started_at desc limit 1
    ) done on true
    left join pull_cursor c
      on (c.workspace_id, c.connection, c.stream) = (s.workspace_id, s.connection, s.stream)
    where %(workspace)s::text is null or s.workspace_id = %(workspace)s
    order by s.workspace_id, s.connection, s.stream
"""
_PRUNED = """
    delete from pull where stream = %(stream)s and pull_id in (
        select pull_id from pull
        where workspace_id = %(workspace)s and connection = %(name)s and stream = %(stream)s and status <> 'running'
          and pull_id is distinct from (
            select pull_id from pull
            where workspace_id = %(workspace)s and connection = %(name)s and stream = %(stream)s and status = 'done'
            order by started_at desc limit 1
          )
        order by started_at desc offset %(kept)s limit %(at_once)s
    )
"""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What people ask of a stream. Times are UTC; counts are those of its last pull, `landed_total` of all."""

    workspace: str
    connection: str
    source: str
    stream: str
    status: str
    last_success_at: datetime | None
    caught_up_at: datetime | None
    last_started_at: datetime | None
    counts: Counts
    landed_total: int
    error: str | None
    remedy: str | None


def cursor(connection: Connection, workspace: str, name: str, stream: str) -> dict[str, Any]:
    """Where to go on; empty before the first pull."""
    row = connection.execute(
        "select cursor from pull_cursor where workspace_id = %s and connection = %s and stream = %s",
        [workspace, name, stream],
    ).fetchone()
    return dict(row["cursor"]) if row else {}


def connections(connection: Connection, workspace: str, source: str) -> list[str]:
    """Names of the connections whose pulls of a source have landed in a workspace."""
    rows = connection.execute(
        "select distinct connection from pull_cursor where workspace_id = %s and source = %s order by 1",
        [workspace, source],
    ).fetchall()
    return [row["connection"] for row in rows]


def advance(connection: Connection, workspace: str, name: str, stream: str, source: str, cursor: Cursor) -> None:
    """Remembers `cursor`; to be called in the transaction that lands what precedes it."""
    connection.execute(
        """insert into pull_cursor (workspace_id, connection, stream, source, cursor) values (%s, %s, %s, %s, %s)
           on conflict (workspace_id, connection, stream)
           do update set cursor = excluded.cursor, source = excluded.source, updated_at = now() at time zone 'utc'""",
        [workspace, name, stream, source, Jsonb(dict(cursor))],
    )


def caught_up(connection: Connection, workspace: str, name: str, stream: str, moment: datetime) -> None:
    """The stream was read to its end by a pull that began at `moment` (UTC)."""
    connection.execute(
        "update pull_cursor set caught_up_at = %s where workspace_id = %s and connection = %s and stream = %s",
        [moment, workspace, name, stream],
    )


def forget(connection: Connection, workspace: str, name: str, stream: str | None = None) -> int:
    """Drops cursors, so that the next pull reads everything again (records land once all the same); how many."""
    return connection.execute(
        "delete from pull_cursor where workspace_id = %s and connection = %s and (%s::text is null or stream = %s)",
        [workspace, name, stream, stream],
    ).rowcount


def begin(
    connection: Connection, pull_id: str, workspace: str, name: str, source: str, stream: str,
    span: tuple[datetime, datetime] | None,
) -> None:  # fmt: skip
    connection.execute(
        "insert into pull (pull_id, stream, workspace_id, connection, source, status, span_from, span_until)"
        " values (%s, %s, %s, %s, %s, 'running', %s, %s)",
        [pull_id, stream, workspace, name, source, *(span or (None, None))],
    )
    connection.execute(
        "insert into pull_stream (workspace_id, connection, stream) values (%s, %s, %s) on conflict do nothing",
        [workspace, name, stream],
    )


def abandon(connection: Connection, workspace: str, name: str) -> None:
    """Marks pulls whose process has died. The caller holds the connection's lock."""
    connection.execute(
        "update pull set status = 'abandoned', error = 'the process ended before the pull did',"
        " ended_at = now() at time zone 'utc'"
        " where workspace_id = %s and connection = %s and status = 'running'",
        [workspace, name],
    )


def count(connection: Connection, pull_id: str, stream: str, pages: int, counts: Counts) -> None:
    """Adds what a batch brought; in the transaction that lands it, so that the sums stay true after a crash."""
    connection.execute(
        "with counted as ("
        " update pull set page_count = page_count + %s, read_count = read_count + %s, landed_count = landed_count + %s,"
        " duplicate_count = duplicate_count + %s, quarantined_count = quarantined_count + %s"
        " where pull_id = %s and stream = %s returning workspace_id, connection, stream)"
        " update pull_stream s set landed_count = s.landed_count + %s from counted c"
        " where (s.workspace_id, s.connection, s.stream) = (c.workspace_id, c.connection, c.stream)",
        [pages, *counts.as_dict().values(), pull_id, stream, counts.landed],
    )


def end(connection: Connection, pull_id: str, stream: str, error: str | None = None, remedy: str | None = None) -> None:
    """Says how a pull has ended, and deletes what is older than the `KEPT` newest pulls of its stream."""
    row = connection.execute(
        "update pull set status = %s, error = %s, remedy = %s, ended_at = now() at time zone 'utc'"
        " where pull_id = %s and stream = %s returning workspace_id, connection",
        ["failed" if error else "done", error[:4000] if error else None, remedy, pull_id, stream],
    ).fetchone()
    if row:
        whose = {"workspace": row["workspace_id"], "name": row["connection"], "stream": stream}
        connection.execute(_PRUNED, {**whose, "kept": KEPT, "at_once": _AT_ONCE})


def states(connection: Connection, workspace: str | None = None) -> list[StreamState]:
    """Every stream that was ever pulled, with its last pull and its last success."""
    rows = connection.execute(_STATES, {"workspace": workspace}).fetchall()
    return [
        StreamState(
            row["workspace_id"], row["connection"], row["source"], row["stream"], row["status"],
            row["last_success_at"], row["caught_up_at"], row["started_at"],
            Counts(row["read_count"], row["landed_count"], row["duplicate_count"], row["quarantined_count"]),
            row["landed_total"], row["error"], row["remedy"],
        )
        for row in rows
    ]  # fmt: skip


def received(connection: Connection, workspace: str, name: str, source: str, deliveries: int, counts: Counts) -> None:
    """Adds what a webhook brought to its row of today; in the transaction that lands it."""
    connection.execute(
        """insert into pull as p (pull_id, stream, workspace_id, connection, source, status, page_count, read_count,
                landed_count, duplicate_count, quarantined_count, ended_at)
           values ('web_' || %(workspace)s || '_' || %(name)s || '_' || (now() at time zone 'utc')::date, 'webhook',
                %(workspace)s, %(name)s, %(source)s, 'done', %(pages)s, %(read)s, %(landed)s, %(duplicate)s,
                %(quarantined)s, now() at time zone 'utc')
           on conflict (pull_id, stream) do update set page_count = p.page_count + excluded.page_count,
                read_count = p.read_count + excluded.read_count, landed_count = p.landed_count + excluded.landed_count,
                duplicate_count = p.duplicate_count + excluded.duplicate_count,
                quarantined_count = p.quarantined_count + excluded.quarantined_count, ended_at = excluded.ended_at""",
        {"workspace": workspace, "name": name, "source": source, "pages": deliveries, **counts.as_dict()},
    )
    connection.execute(
        "insert into pull_stream as s values (%s, %s, 'webhook', %s) on conflict (workspace_id, connection, stream)"
        " do update set landed_count = s.landed_count + excluded.landed_count",
        [workspace, name, counts.landed],
    )


def spend(connection: Connection, workspace: str, name: str, tokens: Mapping[str, str]) -> list[str]:
    """Remembers tokens with the digest of their body; gives those that were used for another body before."""
    if not tokens:
        return []
    values = [workspace, name, list(tokens), list(tokens.values())]
    connection.execute("delete from webhook_token where used_at < (now() at time zone 'utc') - interval '3 days'")
    connection.execute(
        "insert into webhook_token select %s, %s, t, d from unnest(%s::text[], %s::text[]) as x(t, d)"
        " on conflict do nothing",
        values,
    )
    rows = connection.execute(
        "select k.token from webhook_token k join unnest(%s::text[], %s::text[]) as x(t, d) on k.token = x.t"
        " where k.workspace_id = %s and k.connection = %s and k.body_sha256 <> x.d",
        [values[2], values[3], workspace, name],
    ).fetchall()
    return [row["token"] for row in rows]
