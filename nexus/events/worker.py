"""The process that works in the background: the relay with every consumer of every slice, and their jobs.

Belongs here: starting and stopping it. Does not belong here: what it runs.
"""

from __future__ import annotations

import asyncio
import signal

from nexus.events.consumer import consumers
from nexus.events.relay import Relay
from nexus.jobs.engine import Engine
from nexus.settings import Settings, get_settings
from nexus.telemetry import logs
from nexus.telemetry.otlp import Exporter
from nexus.telemetry.spans import Writer


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; what is being delivered then is finished."""
    relay = Relay(settings, list(consumers().values()))
    engine = Engine(settings, relay.database)

    def stop() -> None:
        relay.stop()
        engine.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    writer = Writer(relay.database, Exporter(settings.otlp_endpoint) if settings.otlp_endpoint else None)
    writer.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            group.create_task(engine.run())
    finally:
        await writer.stop()
        await relay.database.close()


def main() -> None:
    settings = get_settings()
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(work(settings))


if __name__ == "__main__":
    main()
