"""Telling readers of the log that something has been committed: after the commit, and once for many commits.

Belongs here: the notification. Does not belong here: who listens (relay.py), who has no time to wait for it: the relay looks
by itself every second, so a notification that is lost with its process costs that second and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from nexus.errors import MachineError
from nexus.events.log import CHANNEL

_log = logging.getLogger("nexus.events")
#: Seconds between two notifications, which tell of all commits in between.
_APART_S = 0.02
_NOTIFY = "select pg_notify($1, '')"


class Wake:
    """`row` sends one statement (`Connections.row`). The first commit tells at once, those that follow it closely together."""

    def __init__(self, row: Callable[..., Awaitable[Any]]) -> None:
        self._row = row
        self._is_due = False
        self._task: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        self._is_due = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(), name="wake")

    async def _send(self) -> None:
        while self._is_due:
            self._is_due = False
            try:
                await self._row(_NOTIFY, CHANNEL)
            except (MachineError, OSError) as error:
                _log.info("readers of the log were not woken: %s", type(error).__name__)
            await asyncio.sleep(_APART_S)

    async def done(self) -> None:
        """Once what has been committed is told."""
        if self._task is not None:
            await self._task
