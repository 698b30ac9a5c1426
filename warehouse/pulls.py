"""The ledger's side of pulling from providers: cursors, and what became of each pull.

Belongs here: the tables `pull_cursor` and `pull`. Does not belong here: talking to providers (orchestration/live).
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


@dataclass(frozen=True, slots=True)
class StreamState:
    """What people ask of a stream. Times are UTC; counts are those of its last pull."""

    workspace: str
    connection: str
    source: str
    stream: str
    status: str
    last_success_at: datetime | None
    caught_up_at: datetime | None
    last_started_at: datetime | None
    counts: Counts
    error: str | None
    remedy: str | None


def cursor(connection: Connection, workspace: str, name: str, stream: str) -> dict[str, Any]:
    """Where to go on; empty before the first pull."""
    row = connection.execute(
        "select cursor from pull_cursor where workspace_id = %s and connection = %s and stream = %s",
        [workspace, name, stream],
    ).fetchone()
    return dict(row["cursor"]) if row else {}


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
        "update pull set page_count = page_count + %s, read_count = read_count + %s, landed_count = landed_count + %s,"
        " duplicate_count = duplicate_count + %s, quarantined_count = quarantined_count + %s"
        " where pull_id = %s and stream = %s",
        [pages, *counts.as_dict().values(), pull_id, stream],
    )


def end(connection: Connection, pull_id: str, stream: str, error: str | None = None, remedy: str | None = None) -> None:
    connection.execute(
        "update pull set status = %s, error = %s, remedy = %s, ended_at = now() at time zone 'utc'"
        " where pull_id = %s and stream = %s",
        ["failed" if error else "done", error[:4000] if error else None, remedy, pull_id, stream],
    )


def states(connection: Connection, workspace: str | None = None) -> list[StreamState]:
    """Every stream that was ever pulled, with its last pull and its last success."""
    rows = connection.execute(
        """select distinct on (p.workspace_id, p.connection, p.stream) p.*, c.caught_up_at,
                  (select max(s.ended_at) from pull s where s.workspace_id = p.workspace_id
                     and s.connection = p.connection and s.stream = p.stream and s.status = 'done') as last_success_at
           from pull p left join pull_cursor c using (workspace_id, connection, stream)
           where %(workspace)s::text is null or p.workspace_id = %(workspace)s
           order by p.workspace_id, p.connection, p.stream, p.started_at desc""",
        {"workspace": workspace},
    ).fetchall()
    return [
        StreamState(
            row["workspace_id"], row["connection"], row["source"], row["stream"], row["status"],
            row["last_success_at"], row["caught_up_at"], row["started_at"],
            Counts(row["read_count"], row["landed_count"], row["duplicate_count"], row["quarantined_count"]),
            row["error"], row["remedy"],
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
