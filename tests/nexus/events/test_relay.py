"""Consumers: each event once, in the order of its stream, whatever fails, however many relays."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from nexus import postgres
from nexus.db import Database
from nexus.events import offsets
from nexus.events.consumer import Consumer, Delivery, _register, get
from nexus.events.consumer import consumer as declared
from nexus.events.relay import Relay
from nexus.events.turn import step
from nexus.settings import Settings
from tests.nexus.events.bells import ONE, TWO, Kept, Rang, consumer, kept, log, ring, rows
from tests.nexus.events.running import drain, run

__all__ = ["consumer", "kept", "log"]


def test_each_once_in_order_for_its_own_tenant(log: Settings, kept: Kept, consumer: Consumer) -> None:
    async def go(database: Database) -> Any:
        await ring(database, 1, 2)
        await ring(database, 3, bell="b", tenant=TWO)
        await ring(database, 4)
        await drain(database, consumer)
        await drain(database, consumer)
        async with database.system() as session:
            return await offsets.progress(session)

    [progress] = run(log, go)
    assert rows(log) == [("a", 1), ("a", 2), ("b", 3), ("a", 4)]
    assert kept.sent == [1, 2, 3, 4]
    assert (progress.name, progress.delivered, progress.behind, progress.dead) == ("door.keep", 4, 0, 0)


def test_a_call_outside_that_fails_is_told_and_keeps_no_other_from_being_made(
    log: Settings, kept: Kept, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    async def keep(delivery: Delivery) -> None:
        async def fail() -> None:
            raise ValueError("nobody answers")

        if delivery.recorded.data["number"] == 1:
            delivery.outside(fail)
        await kept(delivery)

    async def go(database: Database) -> Any:
        await ring(database, 1, 2)
        # in one round, without an error
        assert await step(database, dataclasses.replace(consumer, handle=keep)) == 0
        async with database.system() as session:
            return await offsets.progress(session)

    [progress] = run(log, go)
    assert rows(log) == [("a", 1), ("a", 2)]
    assert kept.sent == [1, 2]
    assert (progress.delivered, progress.behind, progress.retrying, progress.dead) == (2, 0, 0, 0)
    assert "nobody answers" in caplog.text


def test_a_consumer_may_record_events_caused_by_the_one_it_has(log: Settings, consumer: Consumer) -> None:
    async def echo(delivery: Delivery) -> None:
        number = delivery.recorded.data["number"]
        if number < 3:
            delivery.session.record(Rang(bell_id="echo", number=number + 1))

    async def go(database: Database) -> Any:
        await ring(database, 1)
        await ring(database, 1, tenant=TWO, bell="b")
        await drain(database, dataclasses.replace(consumer, handle=echo))
        async with database.system() as session:
            sql = "select organisation_id, id, causation_id, correlation_id, data ->> 'number' from app.events order by position"
            return [tuple(row) for row in await session.execute(text(sql))]

    found = run(log, go)
    assert sorted((org, number) for org, *_, number in found) == [(o, n) for o in ("org_1", "org_2") for n in "123"]
    by_id = {row[1]: row for row in found}
    for org, _, causation, correlation, number in found:
        if number != "1":
            assert by_id[causation][0] == org
            assert by_id[correlation][4] == "1"


def test_two_relays_deliver_each_event_once(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """Both run every consumer; events come while they run; one is stopped in the middle."""

    async def go(database: Database) -> None:
        relays = [Relay(log, [consumer]), Relay(log, [consumer])]
        tasks = [asyncio.create_task(relay.run()) for relay in relays]
        await asyncio.gather(*(ring(database, *range(25), bell=str(bell)) for bell in range(4)))
        relays[0].stop()
        await asyncio.gather(*(ring(database, *range(25, 50), bell=str(bell)) for bell in range(4)))
        while len(rows(log)) < 200:
            await asyncio.sleep(0.02)
            assert not tasks[1].done()
        relays[1].stop()
        await asyncio.gather(*tasks)
        for relay in relays:
            await relay.database.close()

    run(log, go)
    for bell in range(4):
        assert [n for b, n in rows(log) if b == str(bell)] == list(range(50))


def test_two_that_believe_to_be_alone_do_it_once(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """Without the lock that keeps relays apart: progress and effects are one transaction, so only one commits."""

    async def go(database: Database) -> None:
        await ring(database, *range(40))

        async def push() -> None:
            for _ in range(20):
                try:
                    await step(database, dataclasses.replace(consumer, batch=7))
                except offsets.MovedError:
                    await asyncio.sleep(0)

        await asyncio.gather(*(push() for _ in range(4)))
        await drain(database, consumer)

    run(log, go)
    assert [n for _, n in rows(log)] == list(range(40))


def test_an_event_that_comes_twice_has_its_effect_once(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """Somebody has put the consumer back, as a restore of its row would."""

    async def go(database: Database) -> Any:
        await ring(database, 1, 2)
        await drain(database, consumer)
        async with database.system() as session:
            await session.execute(text("update app.consumer set generation = 0, xid = '0', position = 0"))
        await ring(database, 3)
        await drain(database, consumer)
        async with database.system() as session:
            return await offsets.progress(session)

    [progress] = run(log, go)
    assert rows(log) == [("a", 1), ("a", 2), ("a", 3)]
    assert kept.sent == [1, 2, 3]
    assert progress.behind == 0


def test_a_commit_wakes_the_relay(
    log: Settings, kept: Kept, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its notification: the relay does not look by itself for an hour."""
    monkeypatch.setattr("nexus.events.turn.POLL", 3600.0)

    async def go(database: Database) -> None:
        relay = Relay(log, [consumer])
        task = asyncio.create_task(relay.run())
        try:
            for number in range(3):
                await ring(database, number)
                async with asyncio.timeout(20):
                    while len(rows(log)) <= number:
                        await asyncio.sleep(0.02)
                        assert not task.done()
                # it has found nothing more by then, and waits
                await asyncio.sleep(0.3)
        finally:
            relay.stop()
            await task
            await relay.database.close()

    run(log, go)
    assert [n for _, n in rows(log)] == [0, 1, 2]


def test_a_relay_goes_on_when_its_connections_are_cut(log: Settings, kept: Kept, consumer: Consumer) -> None:
    async def go(database: Database) -> None:
        relay = Relay(log, [consumer])
        task = asyncio.create_task(relay.run())
        await ring(database, *range(10))
        while len(rows(log)) < 10:
            await asyncio.sleep(0.02)
        with psycopg.connect(postgres.dsn(log), autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'nexus_system' and datname = current_database()"
            )
        await ring(database, *range(10, 20))
        while len(rows(log)) < 20:
            await asyncio.sleep(0.02)
            assert not task.done()
        relay.stop()
        await task
        await relay.database.close()

    run(log, go)
    assert [n for _, n in rows(log)] == list(range(20))


def test_a_paused_consumer_gets_nothing(log: Settings, consumer: Consumer) -> None:
    async def go(database: Database) -> None:
        await drain(database, consumer)
        async with database.system() as session:
            await offsets.pause(session, consumer.name, True)
        await ring(database, 1)
        await drain(database, consumer)
        assert rows(log) == []
        async with database.system() as session:
            await offsets.pause(session, consumer.name, False)
        await drain(database, consumer)
        assert rows(log) == [("a", 1)]

    run(log, go)


def test_a_paused_consumer_gets_nothing_again_either(log: Settings, kept: Kept, consumer: Consumer) -> None:
    """Somebody pauses it while what is due again is being delivered."""
    kept.failing = {1: 1}

    async def go(database: Database) -> None:
        async def keep(delivery: Delivery) -> None:
            await kept(delivery)
            async with database.system() as operator:
                await offsets.pause(operator, consumer.name, True)

        await ring(database, 1)
        await step(database, consumer)
        with pytest.raises(offsets.MovedError, match="was paused"):
            await step(database, dataclasses.replace(consumer, handle=keep))
        assert (rows(log), kept.sent) == ([], [])
        async with database.system() as session:
            await offsets.pause(session, consumer.name, False)
        await drain(database, consumer)

    run(log, go)
    assert rows(log) == [("a", 1)]


def test_a_consumer_may_begin_now(log: Settings, consumer: Consumer) -> None:
    late = dataclasses.replace(consumer, start="now")

    async def go(database: Database) -> None:
        await ring(database, 1)
        await drain(database, late)
        await ring(database, 2)
        await drain(database, late)

    run(log, go)
    assert rows(log) == [("a", 2)]


def test_an_open_transaction_holds_back_and_nothing_is_skipped(log: Settings, consumer: Consumer) -> None:
    async def go(database: Database) -> None:
        async with database.transaction(ONE) as slow:
            slow.record(Rang(bell_id="slow", number=1))
            await slow.publish()
            await ring(database, 2, bell="fast")
            await drain(database, consumer)
            assert rows(log) == []
        await drain(database, consumer)

    run(log, go)
    assert rows(log) == [("slow", 1), ("fast", 2)]


def test_a_stream_comes_in_the_order_of_its_numbers_whoever_began_first(log: Settings, consumer: Consumer) -> None:
    """The second event's transaction wrote something else before the first event's had begun."""

    async def go(database: Database) -> None:
        async with database.transaction(ONE) as slow:
            slow.record(Rang(bell_id="slow", number=1))
            await slow.publish()
            await ring(database, 1)
            slow.record(Rang(bell_id="a", number=2))
            await slow.publish()
            # the second has its place beside the first, which has committed: neither is given while it is open
            await drain(database, consumer)
            assert rows(log) == []
        await ring(database, 3)
        await drain(database, consumer)

    run(log, go)
    assert rows(log) == [("slow", 1), ("a", 1), ("a", 2), ("a", 3)]


def test_what_takes_long_ends_before_the_last(
    log: Settings, kept: Kept, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's later events wait for an open transaction: one event each, where even one is too long."""
    monkeypatch.setattr("nexus.events.deliver.LONG", 0.0)

    async def go(database: Database) -> Any:
        await ring(database, 1, 2, 3, 4)
        await ring(database, 10, 11, bell="b")
        await step(database, consumer)
        assert rows(log) == [("a", 1)]
        kept.failing = {3: 99}
        await drain(database, consumer)
        async with database.system() as session:
            return await offsets.progress(session)

    [progress] = run(log, go)
    assert rows(log) == [("a", 1), ("a", 2), ("b", 10), ("b", 11)]
    assert kept.sent == [1, 2, 10, 11]
    assert (progress.delivered, progress.dead, progress.retrying, progress.behind) == (4, 1, 1, 0)


def test_a_consumer_says_how_many_are_one_transaction(log: Settings, kept: Kept) -> None:
    declare = declared("door.few", "door.*", batch=2)
    declare(kept)
    few = get("door.few")

    async def go(database: Database) -> None:
        await ring(database, 1, 2, 3)
        await step(database, few)

    try:
        run(log, go)
    finally:
        _register.pop("door.few")
    assert rows(log) == [("a", 1), ("a", 2)]
