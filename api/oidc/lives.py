"""Whether grants still live, asked of the database for many requests at once.

Belongs here: gathering questions that come at the same time into one. Does not belong here: what living means
(repository/grants.py).

A token dies the moment its grant, user or session does, in every process: nothing is remembered here. While one question is
on its way those who come meanwhile wait for the next, which is asked for all of them; thirty-two requests cost one query.
"""

from __future__ import annotations

import asyncio

from api.oidc.repository import grants
from nexus.db import Database


class Lives:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def lives(self, grant_id: str) -> bool:
        """Whether it lived at some moment after this call. Raises what the database raises."""
        future = self._waiting.get(grant_id)
        if future is None:
            future = self._waiting[grant_id] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        # shielded: one caller that goes away must not take the answer from the others
        return await asyncio.shield(future)

    async def _ask(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                async with self._database.system() as session:
                    living = await grants.living(session, list(asked))
            except Exception as error:  # noqa: BLE001 (each of those who wait is told)
                for future in asked.values():
                    future.set_exception(error)
                    # nobody may be left to look at it
                    future.exception()
                continue
            for grant_id, future in asked.items():
                future.set_result(grant_id in living)
