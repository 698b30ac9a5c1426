"""Uses of permissions, counted in the process and kept every few seconds: a request pays for a dictionary, not for a row.

Belongs here: counting, and when what was counted is kept. Does not belong here: statements (repository.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter

from api.kernel.principal import EVERYWHERE, Principal
from api.reviews import repository
from api.reviews.repository import Key
from nexus.db import Database

#: What was counted is kept after so many seconds; a process that is killed loses no more.
EVERY = 10.0
_log = logging.getLogger("nexus.reviews")


class Tally:
    """Of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: Counter[Key] = Counter()
        self._keeping: asyncio.Task[None] | None = None

    def note(self, principal: Principal, permission: str) -> None:
        """Whoever has this machine is nobody whose access is reviewed. A key is used by its member or service account."""
        if principal.kind == "local":
            return
        self._counted[principal.organisation, principal.subject, permission, principal.chosen or EVERYWHERE] += 1
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_on())

    async def rest(self) -> None:
        """Keeps what is left when the process ends."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        await self.keep()

    async def _keep_on(self) -> None:
        while self._counted:
            await asyncio.sleep(EVERY)
            await self.keep()
        self._keeping = None

    async def keep(self) -> None:
        """Keeps what has been counted; what cannot be kept now is kept with the next."""
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        try:
            async with self._database.system() as session:
                await repository.add(session, counted)
        except BaseException as error:
            self._counted.update(counted)
            if not isinstance(error, Exception):
                raise
            # nobody's request fails because it was not counted
            _log.warning("uses of permissions were not kept: %s", type(error).__name__)
