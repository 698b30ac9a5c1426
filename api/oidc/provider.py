"""What the provider keeps for as long as the application lives: its address, its keys, what seals them.

Belongs here: making them when they are first needed, the transaction of a protocol's request. Does not belong here: what a
request does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from api.kernel.transactions import database
from api.oidc.flow.server import Server
from api.oidc.keys import Keys
from api.oidc.repository import grants
from api.oidc.tokens import Issuer
from nexus.db import Database
from nexus.sealing import Sealer
from nexus.settings import Settings

#: What has run out is removed so often by each process, in seconds.
TIDIED = 3600.0
_log = logging.getLogger("nexus.oidc")


class Provider:
    """One for each application. Touches neither disk nor database before its first request."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.address = settings.address
        self._settings, self._database = settings, database
        self._tidied_at = time.monotonic()
        self._tidying: asyncio.Task[None] | None = None

    @cached_property
    def keys(self) -> Keys:
        return Keys(self._database, Sealer(self._settings, "oidc-signing-key"))

    @cached_property
    def forms(self) -> Sealer:
        """Proves that a form was made for the browser session that sends it."""
        return Sealer(self._settings, "oidc-form")

    def tidy(self) -> None:
        """Removes what has run out, beside the request that notices that it is time."""
        if time.monotonic() - self._tidied_at > TIDIED:
            self._tidied_at = time.monotonic()
            self._tidying = asyncio.create_task(self._tidy())

    async def _tidy(self) -> None:
        try:
            async with self._database.system() as session:
                await grants.forget_expired(session)
        except Exception as error:  # noqa: BLE001 (nobody waits for it: it is tried again in an hour)
            _log.warning("codes and tokens that have run out were not removed: %s", error)

    async def issuer(self) -> Issuer:
        return Issuer(self.address, await self.keys.ring())


def of(request: Request) -> Provider:
    found = request.app.state.oidc
    assert isinstance(found, Provider)
    return found


async def _server(request: Request) -> AsyncIterator[Server]:
    of(request).tidy()
    # what comes in tells whose it is only once it has been found: every tenant's rows are looked at
    async with database(request).system() as session:
        yield Server(session, await of(request).issuer())


Providing = Annotated[Provider, Depends(of)]
#: Authlib's server over one transaction, which ends before the answer is sent.
Serving = Annotated[Server, Depends(_server, scope="function")]
