"""The process that works in the background: the relay with every consumer of every slice.

Belongs here: starting and stopping it. Does not belong here: what it runs.
"""

from __future__ import annotations

import asyncio
import logging
import signal

from nexus.events.consumer import consumers
from nexus.events.relay import Relay
from nexus.settings import Settings, get_settings


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; what is being delivered then is finished."""
    relay = Relay(settings, list(consumers().values()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, relay.stop)
    await relay.run()


def main() -> None:
    settings = get_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(work(settings))


if __name__ == "__main__":
    main()
