"""The event log of this Nexus, drained by its order into the lake: each event once.

Belongs here: reading a workspace's part of `app.events`. Does not belong here: which workspaces there are, when one is
drained (orchestration/live/own.py), the order itself (nexus/events/log.py tells why numbers alone would skip events).

An event of an organisation that names no workspace belongs to the organisation's first one: in the lake, everything has
a workspace, and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row
from pydantic import Field, SecretStr

from nexus.db import roles
from nexus.doctor import Finding
from nexus.errors import ProviderError
from nexus.events.log import COLUMNS, Position, recorded
from orchestration.live.spec import Cursor, Live, LiveConfig, Page, Stream

_PAGE = 5_000
#: Whose events these are, and which of them are settled: nothing can still appear before them.
MINE = """
    from app.events
    where (generation, xid, position) > (%(generation)s, %(xid)s::xid8, %(position)s)
      and (generation < app.log_generation() or xid < pg_snapshot_xmin(pg_current_snapshot()))
      and (workspace_id = %(workspace)s or (workspace_id is null and organisation_id = any(%(homes)s)))
"""


class Config(LiveConfig):
    """Made by Nexus itself, for each workspace that has events."""

    dsn: SecretStr
    workspace: str
    homes: tuple[str, ...] = Field(default=(), description="organisations whose own events belong to this workspace")


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """One stream: the events of a workspace."""
    log = _Log(config)
    return Live([Stream("events", log.events, description="What happened in Nexus")], log.check)


class _Log:
    def __init__(self, config: Config) -> None:
        self._config = config

    def events(self, cursor: Cursor) -> Iterator[Page]:
        """From the event after `cursor` to the last settled one."""
        at = Position(**cursor) if cursor else Position()
        with closing(_connect(self._config.dsn.get_secret_value())) as connection:
            while found := _page(connection, self._config, at):
                at = found[-1].at
                yield Page(asdict(at), [event.cloud_event() for event in found])
                if len(found) < _PAGE:
                    return

    def check(self) -> Iterator[Finding]:
        with closing(_connect(self._config.dsn.get_secret_value())) as connection:
            _page(connection, self._config, Position(), 1)
        yield Finding("event log", "ok", "can be read")


def _page(connection: psycopg.Connection[dict[str, Any]], config: Config, at: Position, most: int = _PAGE) -> list[Any]:
    rows = connection.execute(
        f"select {COLUMNS} {MINE} order by generation, xid, position limit %(most)s".encode(),
        {**place(at), "workspace": config.workspace, "homes": list(config.homes), "most": most},
    )
    return [recorded(row) for row in rows]


def place(at: Position) -> dict[str, Any]:
    """Parameters of MINE."""
    return {"generation": at.generation, "xid": str(at.xid), "position": at.position}


def _connect(dsn: str) -> psycopg.Connection[dict[str, Any]]:
    try:
        # policies let this role see every tenant; an owner would be shown none
        return psycopg.connect(
            dsn, autocommit=True, row_factory=dict_row, options=f"-c role={roles.SYSTEM} -c timezone=UTC"
        )
    except psycopg.OperationalError as error:
        told = " ".join(str(error).split())
        raise ProviderError(f"the event log cannot be read: {told}", remedy="nexus doctor") from None
