"""Old events leave the log once everybody has them; numbers, order and readers do not notice."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from nexus import postgres
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.errors import ConflictError
from nexus.events import Event, letters, offsets, read
from nexus.events.consumer import LAKE, Consumer, Delivery
from nexus.events.pruning import prune
from nexus.settings import Settings
from tests.nexus.events.running import drain, run

ONE, TWO = Tenant("org_1", "one"), Tenant("org_2")


class Struck(Event, type="tower.clock.struck"):
    clock_id: str
    hour: int


class Heard:
    """A consumer that keeps hours, and cannot bear one of them."""

    def __init__(self) -> None:
        self.hours: list[int] = []
        self.unbearable = -1

    async def __call__(self, delivery: Delivery) -> None:
        event = delivery.event
        assert isinstance(event, Struck)
        if event.hour == self.unbearable:
            raise ValueError("not this one")
        self.hours.append(event.hour)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def consumer(heard: Heard) -> Consumer:
    return Consumer("tower.hear", heard, ("tower.*",), pauses=())


@pytest.fixture(scope="module")
def database_of_this(session_settings: Settings) -> Iterator[Settings]:
    server = postgres.dsn(session_settings, "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("create database test_pruning")
    url = server.replace("/postgres?", "/test_pruning?")
    settings = Settings(home=session_settings.home, database_url=SecretStr(url))
    migrate(settings)
    yield settings
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("drop database test_pruning with (force)")


@pytest.fixture
def log(database_of_this: Settings) -> Settings:
    """A log in which everything is old enough, and nothing is."""
    with psycopg.connect(postgres.dsn(database_of_this), autocommit=True) as connection:
        connection.execute("alter table app.events disable trigger append_only")
        connection.execute("truncate app.events, app.delivery, app.consumer, app.inbox, app.pruned_stream")
        connection.execute("alter table app.events enable trigger append_only")
    return database_of_this.model_copy(update={"events_kept": timedelta(0)})


async def strike(database: Database, *hours: int, clock: str = "a", tenant: Tenant = ONE) -> None:
    for hour in hours:
        async with database.transaction(tenant) as session:
            session.record(Struck(clock_id=clock, hour=hour))


async def landed(database: Database) -> None:
    """As if the lake had drained the log."""
    async with database.system() as session:
        newest = (await read(session, limit=1000))[-1].at
        await offsets.ensure(session, Consumer(LAKE, None))  # type: ignore[arg-type]
        at, _ = await offsets.get(session, Consumer(LAKE, None))  # type: ignore[arg-type]
        await offsets.advance(session, LAKE, at, newest, 0)


async def hours(database: Database) -> list[int]:
    async with database.system() as session:
        return [e.event.hour for e in await read(session, limit=1000)]  # type: ignore[attr-defined]


def test_what_a_reader_has_not_passed_stays(
    log: Settings, heard: Heard, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    async def go(database: Database) -> list[Any]:
        found = []
        await strike(database, 1, 2)
        await drain(database, consumer)
        with caplog.at_level(logging.WARNING, "nexus.events"):
            found.append((await prune(database.system, log))["events"])
        await landed(database)
        await strike(database, 3)
        found.append((await prune(database.system, log))["events"])
        found.append(await hours(database))
        await landed(database)
        # the lake has it, the consumer not
        found.append((await prune(database.system, log))["events"])
        await drain(database, consumer)
        found.append((await prune(database.system, log))["events"])
        await strike(database, 4)
        await drain(database, consumer)
        found.append(await hours(database))
        return found

    assert run(log, go) == [0, 2, [3], 0, 1, [4]]
    assert heard.hours == [1, 2, 3, 4]
    assert "the lake, which has never drained the log" in caplog.text


def test_what_is_young_stays(log: Settings, consumer: Consumer) -> None:
    async def go(database: Database) -> Any:
        await strike(database, 1)
        await drain(database, consumer)
        await landed(database)
        return await prune(database.system, log.model_copy(update={"events_kept": timedelta(days=7)}))

    assert run(log, go)["events"] == 0


def test_numbers_of_a_stream_go_on_where_they_were(log: Settings, consumer: Consumer) -> None:
    async def go(database: Database) -> list[tuple[str, int]]:
        await strike(database, 1, 2, 3)
        await strike(database, 1, clock="b", tenant=TWO)
        await drain(database, consumer)
        await landed(database)
        assert (await prune(database.system, log))["events"] == 4
        await strike(database, 4)
        await strike(database, 5, clock="b", tenant=TWO)
        # another organisation's stream of the same name
        await strike(database, 6, tenant=TWO)
        with pytest.raises(ConflictError, match="has version 4, not 0"):
            async with database.transaction(ONE) as session:
                session.record(Struck(clock_id="a", hour=0), expected_version=0)
        async with database.transaction(ONE) as session:
            session.record(Struck(clock_id="a", hour=5), expected_version=4)
        async with database.system() as session:
            return [(e.organisation_id + e.stream, e.sequence) for e in await read(session)]

    assert run(log, go) == [
        ("org_1clock/a", 4), ("org_2clock/b", 2), ("org_2clock/a", 1), ("org_1clock/a", 5),
    ]  # fmt: skip


def test_what_waits_in_letters_stays_until_it_is_dealt_with(log: Settings, heard: Heard, consumer: Consumer) -> None:
    async def go(database: Database) -> list[Any]:
        heard.unbearable = 2
        await strike(database, 1, 2, 3)
        await drain(database, consumer)
        await landed(database)
        found = [(await prune(database.system, log))["events"], await hours(database)]
        heard.unbearable = -1
        async with database.system() as session:
            await letters.requeue(session, consumer.name)
        await drain(database, consumer)
        return [*found, (await prune(database.system, log))["events"], heard.hours[-2:]]

    assert run(log, go) == [1, [2, 3], 2, [2, 3]]


def test_numbers_go_on_where_they_were_though_an_earlier_event_stays(
    log: Settings, heard: Heard, consumer: Consumer
) -> None:
    """As of a consumer for which later events of the stream do not wait."""
    heard.unbearable = 2

    async def go(database: Database) -> list[tuple[int, int]]:
        await strike(database, 1, 2, 3)
        await drain(database, dataclasses.replace(consumer, ordered=False))
        await landed(database)
        assert (await prune(database.system, log))["events"] == 2
        await strike(database, 4)
        async with database.transaction(ONE) as session:
            session.record(Struck(clock_id="a", hour=5), expected_version=4)
        async with database.system() as session:
            return [(e.event.hour, e.sequence) for e in await read(session)]  # type: ignore[attr-defined]

    assert run(log, go) == [(2, 2), (4, 4), (5, 5)]


@pytest.mark.parametrize("role", ["nexus_api", "nexus_system", "nexus_owner", "postgres"])
def test_nobody_deletes_an_event_otherwise(log: Settings, role: str) -> None:
    run(log, lambda database: strike(database, 1))
    with psycopg.connect(postgres.dsn(log), autocommit=True) as connection:
        connection.execute(f"set role {role}".encode())
        for statement in ("delete from app.events", "update app.events set type = 'x'", "truncate app.events"):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException, psycopg.Error)):
                connection.execute(statement.encode())
        connection.execute("reset role")
        assert connection.execute("select count(*) from app.events").fetchone() == (1,)
        connection.execute("set role nexus_api")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select app.prune_events(now(), '{}', 1)")


def test_ids_and_answers_are_forgotten_too(log: Settings) -> None:
    with psycopg.connect(postgres.dsn(log), autocommit=True) as connection:
        for age in ("1 hour", "40 days"):
            connection.execute("insert into app.inbox values ('x', %s, now() - %s::interval)", [age, age])
            connection.execute(
                "insert into app.idempotency_key values ('org_1', '', 'POST /', %s, '', 200, '{}', '', now() - %s::interval)",
                [age, age],
            )
        gone = run(log, lambda database: prune(database.system, log))
        assert (gone["messages"], gone["keys"]) == (1, 1)
        assert connection.execute("select message_id from app.inbox").fetchall() == [("1 hour",)]
