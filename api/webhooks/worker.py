"""What this slice does in the worker besides its consumers: sending."""

from __future__ import annotations

import asyncio

from api.webhooks.sender import Sender
from nexus.settings import Settings


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    await Sender(settings).run(stopping)
