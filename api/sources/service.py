"""Handing a request to the source that it is for, and saying what became of it.

Belongs here: the way to the layer above, which may not be imported. Does not belong here: signatures and landing.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.sources.schemas import Landed
from nexus.errors import MachineError
from nexus.settings import Settings

#: Seconds in which a delivery must have landed. Whoever gets no answer sends it again, and it lands once.
PATIENCE = 25.0


class WebhookService:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def receiver(self) -> Any:
        # by name, because this layer may not import that one; at first use, because it brings the lake's engine
        return importlib.import_module("orchestration.live.receiving").Receiver(self._settings)

    async def receive(
        self, source: str, workspace: str, connection: str, headers: Mapping[str, str], body: bytes
    ) -> Landed:
        """Counts of the delivery, once it has landed. Raises what `Receiver.receive` raises, and MachineError for time."""
        waiting = await run_in_threadpool(lambda: self.receiver.receive(source, workspace, connection, headers, body))
        try:
            counts = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(waiting)), PATIENCE)
        except TimeoutError:
            raise MachineError("the delivery has not landed in time", remedy="send it again later") from None
        return Landed(**counts.as_dict())
