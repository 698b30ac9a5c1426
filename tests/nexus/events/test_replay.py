"""Replay: what is chosen comes again, nothing is sent outside, no faster than was asked."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from nexus import postgres
from nexus.db import Database
from nexus.errors import ConflictError, InputError, MachineError
from nexus.events import offsets
from nexus.events.alone import alone, is_left
from nexus.events.consumer import Consumer, Delivery
from nexus.events.deliver import deliver
from nexus.events.log import Recorded, read
from nexus.events.replay import Span, replay
from nexus.events.turn import POLL, step
from nexus.settings import Settings
from tests.nexus.events.bells import Kept, consumer, kept, log, ring, rows
from tests.nexus.events.running import drain, run

__all__ = ["consumer", "kept", "log"]


def test_replay_gives_again_what_is_chosen_and_sends_nothing(log: Settings, kept: Kept, consumer: Consumer) -> None:
    async def go(database: Database) -> None:
        await ring(database, 1, 2, 3)
        await ring(database, 4, bell="b")
        await drain(database, consumer)
        await ring(database, 5)
        sent = list(kept.sent)
        would = await replay(database, consumer, Span(stream="bell/a"), dry_run=True)
        assert would == {"door.bell.rang": 3}
        assert rows(log) == [("a", 1), ("a", 2), ("a", 3), ("b", 4)]
        assert await replay(database, consumer, Span(stream="bell/a", types=("door.*",)), rate=10_000) == would
        assert await replay(database, consumer, Span(types=("other.*",))) == {}
        assert kept.sent == sent
        # what it had not had yet comes once, by the relay
        await drain(database, consumer)

    run(log, go)
    assert rows(log) == [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("a", 1), ("a", 2), ("a", 3), ("a", 5)]


def test_a_replay_of_a_span_of_time(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """From a moment, which is in it, to another, which is not; by when events were recorded."""

    async def go(database: Database) -> None:
        await ring(database, *range(6))
        await drain(database, consumer)
        async with database.system() as session:
            at = list(await session.scalars(text("select recorded_at from app.events order by position")))
        assert (await replay(database, consumer, Span(since=at[2], until=at[4]))).total() == 2
        assert (await replay(database, consumer, Span(since=at[5]), dry_run=True)).total() == 1

    run(log, go)
    assert [n for _, n in rows(log)] == [*range(6), 2, 3]


def test_a_replay_keeps_to_its_rate(
    log: Settings, kept: Kept, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes on when somebody waits, and only then."""
    replaying = importlib.import_module("nexus.events.replay")
    clock = [0.0]
    came: list[float] = []

    async def wait(seconds: float) -> None:
        clock[0] += seconds

    async def noting(database: Database, consumer: Consumer, events: Sequence[Recorded], **options: Any) -> int:
        came.extend([clock[0]] * len(events))
        return await deliver(database, consumer, events, **options)

    async def go(database: Database) -> None:
        await ring(database, *range(7))
        await drain(database, consumer)
        monkeypatch.setattr(replaying, "deliver", noting)
        monkeypatch.setattr(replaying, "asyncio", SimpleNamespace(sleep=wait))
        monkeypatch.setattr(replaying, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        assert (await replay(database, consumer, Span(stream="bell/a"), rate=2)).total() == 7
        assert came == [0, 0, 1, 1, 2, 2, 3]
        came.clear()
        await replay(database, consumer, Span(stream="bell/a"), rate=0.5)
        assert [b - a for a, b in itertools.pairwise(came)] == [2.0] * 6

    run(log, go)


def test_only_what_may_have_an_event_twice_is_replayed(log: Settings, consumer: Consumer) -> None:
    once = dataclasses.replace(consumer, replayable=False)
    with pytest.raises(InputError, match="must not have an event twice"):
        run(log, lambda database: replay(database, once, Span()))
    assert run(log, lambda database: replay(database, once, Span(), dry_run=True)) == {}


def test_what_the_relay_passes_as_a_replay_begins_is_in_it(log: Settings, kept: Kept, consumer: Consumer) -> None:
    async def go(database: Database) -> None:
        await ring(database, 1)
        await drain(database, consumer)
        await ring(database, 2)
        async with database.system() as relay:
            # as a relay that is about to commit
            assert await is_left(relay, consumer.name)
            at, _ = await offsets.get(relay, consumer)
            [event] = await read(relay, at)
            replaying = asyncio.create_task(replay(database, consumer, Span()))
            await _waits_for_a_lock(database)
            await offsets.advance(relay, consumer.name, at, event.at, 1)
        assert (await replaying).total() == 2

    run(log, go)


async def _waits_for_a_lock(database: Database) -> None:
    sql = """
        select exists (select from pg_locks where locktype = 'advisory' and not granted
          and database = (select oid from pg_database where datname = current_database()))
    """
    async with asyncio.timeout(20):
        while True:
            async with database.system() as session:
                if await session.scalar(text(sql)):
                    return
            await asyncio.sleep(0.01)


def test_a_relay_gives_nothing_beside_a_replay(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """Neither what comes next nor what is due again, whether it begins meanwhile or was about to commit."""
    kept.failing = {2: 2}

    async def go(database: Database) -> None:
        await ring(database, 1, 2)
        await step(database, consumer)
        await ring(database, 3, bell="b")
        before = rows(log)
        async with alone(database, consumer.name):
            assert await step(database, consumer) == POLL
        async with contextlib.AsyncExitStack() as replaying:

            async def keep(delivery: Delivery) -> None:
                await kept(delivery)
                await replaying.enter_async_context(alone(database, consumer.name))

            with pytest.raises(offsets.MovedError, match="is being replayed"):
                await step(database, dataclasses.replace(consumer, handle=keep))
        assert rows(log) == before == [("a", 1)]
        assert sorted(kept.sent) == [1]
        await drain(database, consumer)

    run(log, go)
    assert sorted(rows(log)) == [("a", 1), ("a", 2), ("b", 3)]


def test_one_replay_at_a_time_and_nobody_is_paused_by_it(
    log: Settings, kept: Kept, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexus.events.alone.PATIENCE", "50ms")

    async def go(database: Database) -> None:
        await ring(database, 1)
        await drain(database, consumer)

        async def keep(delivery: Delivery) -> None:
            await kept(delivery)
            with pytest.raises(ConflictError, match="is being replayed already"):
                await replay(database, consumer, Span())

        assert (await replay(database, dataclasses.replace(consumer, handle=keep), Span())).total() == 1
        async with database.system() as session:
            _, is_paused = await offsets.get(session, consumer)
        assert not is_paused
        await ring(database, 2)
        await drain(database, consumer)

    run(log, go)
    assert [n for _, n in rows(log)] == [1, 1, 2]


def test_a_replay_without_its_lock_ends(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """The relay may be at work again."""

    async def go(database: Database) -> None:
        await ring(database, 1, 2)
        await drain(database, consumer)

        async def cut(delivery: Delivery) -> None:
            sql = (
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock'"
                " and database = (select oid from pg_database where datname = current_database())"
            )
            with psycopg.connect(postgres.dsn(log)) as connection:
                connection.execute(sql)
            await asyncio.sleep(0.2)
            await kept(delivery)

        with pytest.raises(MachineError, match="was lost"):
            await replay(database, dataclasses.replace(consumer, handle=cut, batch=1), Span())

    run(log, go)
    assert [n for _, n in rows(log)] == [1, 2, 1]
