"""The process that works in the background: the relay with every consumer of every slice, their jobs, and what else they do.

Belongs here: starting and stopping it. Does not belong here: what it runs; a slice with work of its own offers
`run(settings, stopping)` in `api/<domain>/worker.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable

from nexus import slices
from nexus.events.consumer import consumers
from nexus.events.relay import Relay
from nexus.jobs.engine import Engine
from nexus.settings import Settings, get_settings
from nexus.telemetry import logs
from nexus.telemetry.otlp import Exporter
from nexus.telemetry.spans import Writer
from nexus.trouble import machine_error

_log = logging.getLogger("nexus.worker")
#: Runs until the event is set, and finishes what it is at then.
Work = Callable[[Settings, asyncio.Event], Awaitable[None]]
#: Seconds before work that has ended by an error is begun again.
PAUSE = 2.0


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; what is being delivered then is finished."""
    relay = Relay(settings, list(consumers().values()))
    engine = Engine(settings, relay.database)
    stopping = asyncio.Event()

    def stop() -> None:
        relay.stop()
        engine.stop()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    writer = Writer(relay.database, Exporter.of(settings))
    writer.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            group.create_task(engine.run())
            for domain, module in slices.modules("worker").items():
                group.create_task(beside(domain, module.run, settings, stopping))
    finally:
        await writer.stop()
        await relay.database.close()


async def beside(name: str, run: Work, settings: Settings, stopping: asyncio.Event) -> None:
    """A slice's own work until told to stop. One that ends by an error is begun again: it is not another's."""
    while not stopping.is_set():
        try:
            await run(settings, stopping)
        except Exception as error:  # noqa: BLE001
            if (trouble := machine_error(error)) is not None:
                _log.warning("%s: %s; again in %s s", name, trouble.message, PAUSE)
            else:
                _log.error("%s broke; again in %s s", name, PAUSE, exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), PAUSE)


def main() -> None:
    settings = get_settings()
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(work(settings))


if __name__ == "__main__":
    main()
