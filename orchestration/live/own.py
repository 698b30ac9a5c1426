"""Nexus as a source of its own warehouse: a connection for each workspace, which nobody has to configure.

Belongs here: which workspaces have events, whether any of them wait, draining them. Does not belong here: reading the
log (orchestration/sources/nexus/live.py), pulling (pull.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from nexus import postgres
from nexus.connections import OWN, Connection, folder
from nexus.db import roles
from nexus.errors import MachineError, NexusError, Transient
from nexus.events.consumer import LAKE
from nexus.events.log import Position
from nexus.settings import Settings
from nexus.tenancy import LOCAL_ORGANISATION
from warehouse import ledger, pulls

SOURCE = NAME = OWN
STREAM = "events"

#: The first workspace of an organisation takes the events that name none.
_WORKSPACES = """
    with homes as (
        select distinct on (organisation_id) organisation_id, id as workspace_id
        from app.workspace order by organisation_id, created_at, id
    )
    select workspace_id, array_remove(array_agg(distinct organisation_id), null) as homes
    from (
        select workspace_id, organisation_id from homes
        union all
        select id, null from app.workspace
        union all
        select %(default)s, %(local)s where not exists (select from homes where organisation_id = %(local)s)
    ) as every
    group by workspace_id order by workspace_id
"""
_SETTLED = """
    select generation, xid::text, position from app.events
    where generation < app.log_generation() or xid < pg_snapshot_xmin(pg_current_snapshot())
    order by generation desc, xid desc, position desc limit 1
"""
_PASSED = """
    insert into app.consumer as known (name, generation, xid, position, delivered)
    values (%(name)s, %(g)s, %(x)s::xid8, %(p)s, %(landed)s)
    on conflict (name) do update set generation = excluded.generation, xid = excluded.xid, position = excluded.position,
      delivered = known.delivered + excluded.delivered, updated_at = now()
    where (known.generation, known.xid, known.position) <= (excluded.generation, excluded.xid, excluded.position)
"""


def connections(settings: Settings) -> list[Connection]:
    """A connection for each workspace; none before the operational database has been made."""
    with _asking(settings) as ask:
        if ask is None:
            return []
        found = ask.execute(_WORKSPACES, {"default": settings.workspace, "local": LOCAL_ORGANISATION}).fetchall()
    dsn = postgres.dsn(settings)
    return [
        Connection(
            row["workspace_id"], NAME, SOURCE,
            {"dsn": dsn, "workspace": row["workspace_id"], "homes": row["homes"]}, folder(settings),
        )
        for row in found
    ]  # fmt: skip


def waiting(settings: Settings) -> list[str]:
    """Workspaces with settled events that the lake has not, each with the place after which they stand: a run that
    drained nothing leaves the same text."""
    from orchestration.sources.nexus.live import MINE, place

    mine = connections(settings)
    with ledger.connect(settings) as book, _asking(settings) as ask:
        if ask is None:
            return []
        found = []
        for connection in mine:
            cursor = pulls.cursor(book, connection.workspace, NAME, STREAM)
            at = Position(**cursor) if cursor else Position()
            values = {**place(at), "workspace": connection.workspace, "homes": connection.options["homes"]}
            if ask.execute(f"select 1 {MINE} limit 1".encode(), values).fetchone():
                found.append(f"events of {connection.workspace} after {at}")
    return found


def drain(settings: Settings) -> int:
    """Lands what has happened since the last time, of every workspace; how many events landed.

    A workspace that fails keeps no other from being drained; then the log keeps all of it, and what failed is raised.
    """
    from orchestration.live.pull import pull

    landed, failed = 0, list[NexusError]()
    # before the workspaces are looked for: all that is settled by now is theirs or nobody's
    settled = _settled(settings)
    for connection in connections(settings):
        try:
            report = pull(connection, settings)
            landed += report.total.landed
            report.raise_failed()
        except NexusError as error:
            failed.append(error)
    if failed:
        raise _foremost(failed)
    if settled is not None:
        _note(settings, settled, landed)
    return landed


def _foremost(failed: list[NexusError]) -> NexusError:
    """The one to be told, which says how many more there are: one that will not pass by itself, if there is one."""
    first = min(failed, key=lambda error: isinstance(error, Transient))
    if len(failed) == 1:
        return first
    found = type(first)(f"{first.message} (and {len(failed) - 1} more workspaces)", remedy=first.remedy)
    found.__cause__ = first
    return found


def _settled(settings: Settings) -> Position | None:
    """The newest place of the log before which nothing can still appear; None if there is none."""
    with _asking(settings) as ask:
        row = ask and ask.execute(_SETTLED.encode()).fetchone()
    return Position(row["generation"], int(row["xid"]), row["position"]) if row else None


def _note(settings: Settings, at: Position, landed: int) -> None:
    """Lets the log know that the lake has everything up to there: older events may be forgotten (nexus/events/pruning.py)."""
    with _asking(settings) as ask:
        if ask is not None:
            values = {"name": LAKE, "g": at.generation, "x": str(at.xid), "p": at.position, "landed": landed}
            ask.execute(_PASSED.encode(), values)


@contextmanager
def _asking(settings: Settings) -> Iterator[psycopg.Connection[dict[str, Any]] | None]:
    """A connection that sees every tenant, or None where there is nothing to see yet."""
    try:
        with psycopg.connect(postgres.dsn(settings), autocommit=True, row_factory=dict_row) as connection:
            if not connection.execute("select to_regclass('app.events') as log").fetchone()["log"]:  # type: ignore[index]
                yield None
                return
            connection.execute(f"set role {roles.SYSTEM}".encode())
            yield connection
    except psycopg.OperationalError as error:
        raise MachineError(
            f"the operational database cannot be asked: {' '.join(str(error).split())}", remedy="nexus doctor"
        ) from None
