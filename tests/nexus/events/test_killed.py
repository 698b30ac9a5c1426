"""A worker killed at every point of a delivery: no event is lost, none has its effect twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import psycopg
import pytest

from nexus import postgres
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.events import Event
from nexus.events.consumer import Consumer, Delivery
from nexus.settings import PROJECT, Settings
from tests.nexus.events.running import drain, run

#: A worker with one consumer that kills its process when it comes to a number, at the point that it is told.
WORKER = """
import asyncio, os, signal, sys
from pydantic import SecretStr
from sqlalchemy import text
from nexus.events import Event, consumer
from nexus.events.worker import work
from nexus.settings import Settings

class Rang(Event, type="gate.bell.rang"):
    bell_id: str
    number: int

def die():
    os.kill(os.getpid(), signal.SIGKILL)

home, url, point, number = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

@consumer.consumer("gate.keep", "gate.*")
async def keep(delivery):
    here = delivery.event.number == number
    if here and point == "before":
        die()
    await delivery.session.execute(text("insert into app.kept values (:n)"), {"n": delivery.event.number})
    if here and point == "effect":
        die()
    async def committed():
        if here and point == "committed":
            die()
    delivery.outside(committed)

asyncio.run(work(Settings(home=home, database_url=SecretStr(url))))
"""

#: A replay to a consumer that kills its process.
REPLAY = """
import asyncio, os, signal, sys
from pydantic import SecretStr
from nexus.db import Database
from nexus.events import Event
from nexus.events.consumer import Consumer
from nexus.events.replay import Span, replay
from nexus.settings import Settings

class Rang(Event, type="gate.bell.rang"):
    bell_id: str
    number: int

async def die(delivery):
    os.kill(os.getpid(), signal.SIGKILL)

database = Database(Settings(home=sys.argv[1], database_url=SecretStr(sys.argv[2])))
asyncio.run(replay(database, Consumer("gate.heard", die, replayable=True), Span()))
"""


#: The same, whose consumer can never take number 5: it kills its process while that is dealt with.
FAILING = """
import asyncio, os, signal, sys
from datetime import timedelta
from pydantic import SecretStr
from sqlalchemy import text
from nexus.events import Event, consumer, letters, turn
from nexus.events.worker import work
from nexus.settings import Settings


class Rang(Event, type="gate.bell.rang"):
    bell_id: str
    number: int


home, url, point = sys.argv[1], sys.argv[2], sys.argv[3]


def die_at(here):
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)


@consumer.consumer("gate.keep", "gate.*", pauses=(timedelta(0),))
async def keep(delivery):
    await delivery.session.execute(text("insert into app.kept values (:n)"), {"n": delivery.event.number})
    if delivery.event.number == 5:
        raise ValueError("never")


passing, again, failing, fail = turn._pass, turn._again, turn._failed, letters.fail


async def _pass(database, consumer, at, batch):
    to = await passing(database, consumer, at, batch)
    if consumer.name == "gate.keep" and len(batch) > 1:
        die_at("halved")
    return to


async def _again(database, consumer, letter):
    die_at("retry")
    await again(database, consumer, letter)


async def _fail(session, consumer, event, attempts, error):
    state = await fail(session, consumer, event, attempts, error)
    die_at("noting " + state)
    return state


async def _failed(*given):
    await failing(*given)
    die_at("noted")


turn._pass, turn._again, turn._failed, letters.fail = _pass, _again, _failed, _fail
asyncio.run(work(Settings(home=home, database_url=SecretStr(url))))
"""


class Rang(Event, type="gate.bell.rang"):
    bell_id: str
    number: int = 0


async def ring(settings: Settings, numbers: range, bells: int = 3) -> None:
    database = Database(settings)
    for number in numbers:
        async with database.transaction(Tenant("org_1", "one")) as session:
            session.record(Rang(bell_id=f"bell_{number % bells}", number=number))
    await database.close()


def killed(settings: Settings, program: str, points: Sequence[tuple[str, ...]], kept: int, bells: int = 3) -> list[int]:
    """What a consumer has kept of 35 events, of which `kept` are to be: a worker is killed at each of `points`, and that of the
    last one, which nobody reaches, lives."""
    *deadly, harmless = points
    migrate(settings)
    url = postgres.dsn(settings)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table app.kept (number int)")
        connection.execute("grant insert on app.kept to nexus_api")
        asyncio.run(ring(settings, range(30), bells))
        for point in deadly:
            with worker(settings, program, *point) as dying:
                assert dying.wait(60) == -signal.SIGKILL, point
        with worker(settings, program, *harmless) as living:
            asyncio.run(ring(settings, range(30, 35), bells))
            while connection.execute("select count(*) from app.kept").fetchone() != (kept,):
                assert living.poll() is None
                time.sleep(0.05)
            living.terminate()
            assert living.wait(30) == 0
        return [number for (number,) in connection.execute("select number from app.kept order by 1")]


def worker(settings: Settings, program: str, *point: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, str(settings.home), postgres.dsn(settings), *point]
    return subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})


@pytest.mark.integration
def test_a_worker_that_is_killed_goes_on_where_it_was(settings: Settings) -> None:
    points = (("before", "5"), ("effect", "11"), ("committed", "17"), ("", "-1"))
    assert killed(settings, WORKER, points, kept=35) == list(range(35))


@pytest.mark.integration
def test_a_replay_that_is_killed_leaves_its_consumer_to_the_relay(settings: Settings) -> None:
    migrate(settings)
    heard: list[int] = []

    async def hear(delivery: Delivery) -> None:
        heard.append(delivery.recorded.data["number"])

    consumer = Consumer("gate.heard", hear, replayable=True)
    asyncio.run(ring(settings, range(2)))
    run(settings, lambda database: drain(database, consumer))
    command = [sys.executable, "-c", REPLAY, str(settings.home), postgres.dsn(settings)]
    done = subprocess.run(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, timeout=60)
    assert done.returncode == -signal.SIGKILL
    asyncio.run(ring(settings, range(2, 3)))
    until = time.monotonic() + 20
    while heard != [0, 1, 2] and time.monotonic() < until:
        run(settings, lambda database: drain(database, consumer))
    assert heard == [0, 1, 2]


@pytest.mark.integration
def test_a_worker_that_is_killed_while_one_fails(settings: Settings) -> None:
    """With half a batch done, while a failure is noted, before it is tried again, while it becomes a dead letter and after."""
    points = [(point,) for point in ("halved", "noting retrying", "noted", "retry", "noting dead", "")]
    assert killed(settings, FAILING, points, kept=34, bells=100) == [number for number in range(35) if number != 5]
    with psycopg.connect(postgres.dsn(settings)) as connection:
        left = connection.execute("select state, attempts from app.delivery where consumer = 'gate.keep'").fetchall()
    assert left == [("dead", 2)]
