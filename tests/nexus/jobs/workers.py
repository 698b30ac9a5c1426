"""Workers in processes of their own, which a test kills, or which kill themselves at a point that it names.

They are forked from a server that has imported everything, so that a worker costs a fraction of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from nexus import jobs, postgres
from nexus.db import Session
from nexus.errors import InputError
from nexus.jobs import attempt
from nexus.jobs.declare import schedule
from nexus.sagas import Doing, Saga, Step, running
from nexus.settings import Settings

_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(["tests.nexus.jobs.workers", "nexus.events.worker", "dbos"])


def die_if_told(home: Path, point: str) -> None:
    """The end of this process, once, if the test has named the point."""
    with contextlib.suppress(FileNotFoundError):
        (home / point).unlink()
        os.kill(os.getpid(), signal.SIGKILL)


async def say(session: Session, said: str) -> str:
    assert session.tenant is not None
    values = {"who": session.tenant.organisation, "said": said}
    await session.execute(text("insert into app.probe values (:who, :said)"), values)
    return said


def declare(home: Path) -> None:
    """What these workers can do."""

    @jobs.job("probe.steps")
    async def steps(work: jobs.Work) -> dict[str, Any]:
        die_if_told(home, "begun")

        async def first(session: Session) -> None:
            await say(session, f"first {work.arguments['n']}")
            die_if_told(home, "first")

        await work.once("first", first)
        die_if_told(home, "between")
        await work.once("second", lambda session: say(session, f"second {work.arguments['n']}"))
        die_if_told(home, "second")
        return {"pid": os.getpid()}

    @jobs.job("probe.wait")
    async def wait(work: jobs.Work) -> dict[str, Any]:
        (home / f"waiting-{os.getpid()}").touch()
        while (home / "wait").exists():
            await asyncio.sleep(0.02)
        return {"pid": os.getpid()}

    @schedule("probe.tick", "* * * * * *")
    async def tick(work: jobs.Work) -> None:
        async with work.system() as session:
            await session.execute(text("insert into app.probe values ('tick', :at)"), {"at": work.arguments["at"]})


def declare_sagas(home: Path) -> None:
    """`probe.whole`, `probe.broken`, whose third step cannot be done, and `probe.outside`, whose second acts elsewhere."""

    def act(name: str) -> Any:
        async def do(doing: Doing) -> None:
            async def committed() -> None:
                die_if_told(home, f"{name}-committed")

            die_if_told(home, f"{name}-begun")
            await say(doing.session, name)
            doing.session.after_commit(committed)
            die_if_told(home, f"{name}-written")

        return do

    async def send(doing: Doing) -> None:
        die_if_told(home, "sent-begun")
        with (home / "sent").open("a") as sent:
            sent.write(f"{doing.key}\n")
        die_if_told(home, "sent-done")

    async def never(doing: Doing) -> None:
        raise InputError("it cannot be done")

    one, two = Step("one", act("one"), act("un-one")), Step("two", act("two"), act("un-two"))
    Saga("probe.whole", one, two)
    Saga("probe.broken", one, two, Step("three", never))
    Saga("probe.outside", one, Step("sent", send, is_outside=True), two)


def deadly(home: Path) -> None:
    """Points at which no step of a saga has a say: while its turn is noted, and when its job ends. Their names end with the
    saga's id, since these workers do what other tests have left behind, too."""
    turn, end = running._turn, attempt._ended

    def turned(session: Session, kept: Any, call: Any, error: Exception) -> None:
        turn(session, kept, call, error)
        die_if_told(home, f"turned-{kept.row.id}")

    async def ended(database: Any, row: Any, result: dict[str, Any] | None) -> None:
        die_if_told(home, f"ending-{row.arguments.get('saga_id')}")
        await end(database, row, result)
        die_if_told(home, f"ended-{row.arguments.get('saga_id')}")

    running._turn, attempt._ended = turned, ended


def run(home: Path, url: str) -> None:
    """The process: the engine alone, quicker in looking about than in life."""
    from nexus.db import Database
    from nexus.jobs import engine

    os.setsid()
    engine.POLL, engine.LOOK, engine.PAUSE = 0.05, 0.1, 0.2
    settings = Settings(home=home, database_url=SecretStr(url))
    declare(home)
    declare_sagas(home)
    deadly(home)

    async def work() -> None:
        database = Database(settings)
        made = engine.Engine(settings, database)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, made.stop)
        await made.run()
        await database.close()

    asyncio.run(work())


@contextmanager
def workers(
    settings: Settings, home: Path, number: int = 1, target: Callable[..., None] = run
) -> Iterator[list[BaseProcess]]:
    """So many of them; killed at the end at the latest."""
    made = [_fork.Process(target=target, args=(home, postgres.dsn(settings))) for _ in range(number)]
    for process in made:
        process.start()
    try:
        yield made
    finally:
        for process in made:
            if process.is_alive():
                process.kill()
            process.join()


def until(holds: Callable[[], Any], patience: float = 60, alive: list[BaseProcess] | None = None) -> Any:
    """Waits until something is true, and returns it."""
    deadline = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came true"
        assert alive is None or all(p.is_alive() for p in alive), "a worker has ended by itself"
        time.sleep(0.02)
    return found
