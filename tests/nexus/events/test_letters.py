"""What a consumer could not deal with: tried again, waited behind, dead, requeued or purged."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from nexus import postgres
from nexus.db import Database
from nexus.errors import InputError, NotFoundError
from nexus.events import letters, offsets
from nexus.events.consumer import Consumer, Delivery
from nexus.events.turn import step
from nexus.settings import Settings
from tests.nexus.events.bells import ONE, Kept, Rang, consumer, kept, log, ring, rows
from tests.nexus.events.running import drain, run

__all__ = ["consumer", "kept", "log"]


def test_what_fails_is_tried_again_and_its_stream_waits(log: Settings, kept: Kept, consumer: Consumer) -> None:
    # in the batch, which is the first attempt, and in the second
    kept.failing = {2: 2}

    async def go(database: Database) -> None:
        await ring(database, 1, 2, 3)
        await ring(database, 10, 11, bell="b")
        await drain(database, consumer)

    run(log, go)
    assert [n for bell, n in rows(log) if bell == "a"] == [1, 2, 3]
    assert [n for bell, n in rows(log) if bell == "b"] == [10, 11]
    # the other stream did not wait
    assert rows(log).index(("b", 11)) < rows(log).index(("a", 2))
    # nothing is sent of what was rolled back
    assert sorted(kept.sent) == [1, 2, 3, 10, 11]


def test_dead_letters_wait_are_requeued_or_purged(log: Settings, kept: Kept, consumer: Consumer) -> None:
    kept.failing = {2: 99, 20: 99}

    async def go(database: Database) -> None:
        await ring(database, 1, 2, 3)
        await ring(database, 20, 21, bell="b")
        await drain(database, consumer)
        async with database.system() as session:
            dead = await letters.dead(session)
            [progress] = await offsets.progress(session)
        assert [(d.recorded.data["number"], d.attempts, d.error) for d in dead] == [
            (2, 3, "ValueError: cannot do 2"), (20, 3, "ValueError: cannot do 20"),
        ]  # fmt: skip
        assert (progress.dead, progress.retrying, progress.behind) == (2, 2, 0)
        assert rows(log) == [("a", 1)]
        kept.failing = {}
        async with database.system() as session:
            assert await letters.requeue(session, consumer.name, dead[0].recorded.id) == 1
            assert await letters.purge(session, consumer.name, dead[1].recorded.id) == 1
        await drain(database, consumer)
        async with database.system() as session:
            assert await letters.dead(session) == []
            with pytest.raises(NotFoundError):
                await letters.requeue(session, consumer.name)

    run(log, go)
    assert sorted(rows(log)) == [("a", 1), ("a", 2), ("a", 3), ("b", 21)]


def test_what_comes_to_wait_as_a_letter_is_given_up_goes_on(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """Somebody purges between the relay's look at who is blocked and its commit."""
    kept.failing = {2: 99}

    async def go(database: Database) -> None:
        async def keep(delivery: Delivery) -> None:
            await kept(delivery)
            if delivery.recorded.data["number"] == 10:
                async with database.system() as operator:
                    assert await letters.purge(operator, consumer.name) == 1

        await ring(database, 1, 2)
        await drain(database, consumer)
        await ring(database, 3, 4)
        await ring(database, 10, bell="b")
        await drain(database, dataclasses.replace(consumer, handle=keep))

    run(log, go)
    assert rows(log) == [("a", 1), ("b", 10), ("a", 3), ("a", 4)]


def test_however_many_wait_in_a_stream_few_are_looked_at_to_go_on(log: Settings, consumer: Consumer) -> None:
    async def refuse(delivery: Delivery) -> None:
        raise InputError("never")

    async def go(database: Database) -> Any:
        async with database.transaction(ONE) as session:
            for number in range(1, 401):
                session.record(Rang(bell_id="a", number=number))
        await drain(database, dataclasses.replace(consumer, handle=refuse))
        # the planner is to know how many there are, as it does after a moment
        with psycopg.connect(postgres.dsn(log), autocommit=True) as connection:
            connection.execute("analyze app.delivery")
        async with database.system() as session:
            [dead] = await letters.dead(session)
            read = text(
                "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables"
                " where schemaname = 'app' and relname = 'delivery'"
            )
            before = await session.scalar(read)
            await letters.settle(session, consumer.name, dead.recorded)
            looked_at = await session.scalar(read) - before
            due = await letters.due(session, consumer)
        return looked_at, [letter.recorded.data["number"] for letter in due]

    looked_at, due = run(log, go)
    assert due == [2]
    assert looked_at < 20


def test_what_can_never_succeed_is_not_tried_again(log: Settings, consumer: Consumer) -> None:
    async def refuse(delivery: Delivery) -> None:
        raise InputError("never")

    async def go(database: Database) -> Any:
        await ring(database, 1)
        await drain(database, dataclasses.replace(consumer, handle=refuse))
        async with database.system() as session:
            return await letters.dead(session)

    [dead] = run(log, go)
    assert dead.attempts == 1


def test_a_consumer_that_takes_too_long_has_failed(log: Settings, consumer: Consumer) -> None:
    async def sleep(delivery: Delivery) -> None:
        await asyncio.sleep(60)

    async def go(database: Database) -> Any:
        await ring(database, 1)
        await drain(database, dataclasses.replace(consumer, handle=sleep, timeout=timedelta(seconds=0.05), pauses=()))
        async with database.system() as session:
            return await letters.dead(session)

    [dead] = run(log, go)
    assert "TimeoutError" in dead.error


def test_a_turn_ends_with_the_first_that_takes_too_long(log: Settings, consumer: Consumer) -> None:
    """Each is waited for once; what is due again, and whoever stops the relay, waits for no more than one of them."""
    called: list[int] = []

    async def sleep(delivery: Delivery) -> None:
        called.append(delivery.recorded.data["number"])
        if called[-1] % 4 == 0:
            await asyncio.sleep(60)

    async def go(database: Database) -> Any:
        await ring(database, *range(1, 13))
        slow = dataclasses.replace(consumer, handle=sleep, timeout=timedelta(seconds=0.2), pauses=(), ordered=False)
        turns = []
        while await step(database, slow) == 0:
            turns.append(called.copy())
            called.clear()
        async with database.system() as session:
            return turns, await letters.dead(session)

    turns, dead = run(log, go)
    # those before it have their effect rolled back with it, and once more
    assert turns == [[1, 2, 3, 4, 1, 2, 3], [5, 6, 7, 8, 5, 6, 7], [9, 10, 11, 12, 9, 10, 11]]
    assert [letter.recorded.data["number"] for letter in dead] == [4, 8, 12]


def test_so_it_does_with_the_first_that_is_due_again(log: Settings, consumer: Consumer) -> None:
    called: list[int] = []

    async def refuse(delivery: Delivery) -> None:
        raise InputError("never")

    async def sleep(delivery: Delivery) -> None:
        called.append(delivery.recorded.data["number"])
        if called[-1] < 4:
            await asyncio.sleep(60)

    async def go(database: Database) -> Any:
        await ring(database, 1, 2, 3)
        await drain(database, dataclasses.replace(consumer, handle=refuse, ordered=False))
        async with database.system() as session:
            assert await letters.requeue(session, consumer.name) == 3
        await ring(database, 4)
        slow = dataclasses.replace(consumer, handle=sleep, timeout=timedelta(seconds=0.2), pauses=(), ordered=False)
        turns = []
        while await step(database, slow) == 0:
            turns.append(called.copy())
            called.clear()
        return turns

    # what is new does not wait for them
    assert run(log, go) == [[1, 4], [2], [3]]
