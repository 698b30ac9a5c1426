"""The log: numbered streams, nothing changed ever, nothing skipped by a reader beside concurrent writers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from nexus import postgres
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.errors import ConflictError, ContractError
from nexus.events import Event, Position, read
from nexus.events.event import load
from nexus.settings import Settings
from nexus.telemetry import context

HERE = Tenant("org_1", "one")


class Ticked(Event, type="clock.hand.ticked", version=3):
    upcasters = {  # noqa: RUF012
        1: lambda data: {"hand_id": data["hand"]},
        2: lambda data: {**data, "note": "from before"},
    }

    hand_id: str
    note: str = ""


@pytest.fixture
def log(settings: Settings) -> Settings:
    migrate(settings)
    return settings


def run(settings: Settings, call: Callable[[Database], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        database = Database(settings)
        try:
            return await call(database)
        finally:
            await database.close()

    return asyncio.run(inside())


def test_the_envelope_is_cloudevents(log: Settings) -> None:
    async def record(database: Database) -> Any:
        token = context.set_current(context.begin("00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
        async with database.transaction(HERE) as session:
            first = session.record(Ticked(hand_id="hand_1"))
            session.record(Ticked(hand_id="hand_1"), causation=first)
        context.reset(token)
        async with database.system() as session:
            return first, await read(session)

    first, (one, two) = run(log, record)
    envelope = one.cloud_event()
    assert {envelope[name] for name in ("specversion", "type", "source", "subject")} == {
        "1.0", "clock.hand.ticked", "/clock", "hand_1",
    }  # fmt: skip
    assert (envelope["id"], envelope["tenantid"], envelope["workspaceid"], envelope["sequence"]) == (
        first, "org_1", "one", "1",
    )  # fmt: skip
    assert envelope["traceparent"].startswith("00-" + "a" * 32)
    assert envelope["schemaver"] == "3"
    assert (two.sequence, two.causation_id, two.correlation_id) == (2, first, first)
    assert one.event == Ticked(hand_id="hand_1")


def test_older_forms_become_the_newest() -> None:
    assert load("clock.hand.ticked", 1, {"hand": "h"}) == Ticked(hand_id="h", note="from before")
    assert load("clock.hand.ticked", 2, {"hand_id": "h"}) == Ticked(hand_id="h", note="from before")
    with pytest.raises(ContractError, match="this process knows 3"):
        load("clock.hand.ticked", 4, {})
    with pytest.raises(ContractError, match="no slice knows"):
        load("clock.spring.broke", 1, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "clock.ticked"}, "is not <domain>"),
        ({"type": "clock.spring.broke"}, "needs a field spring_id"),
        ({"type": "clock.hand.fell", "version": 2}, r"needs upcasters from \[1\]"),
        ({"type": "clock.hand.ticked"}, "has the type"),
    ],
)
def test_a_class_that_cannot_be_an_event(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):

        class Wrong(Event, **options):
            hand_id: str


def test_expected_version(log: Settings) -> None:
    async def go(database: Database) -> None:
        async with database.transaction(HERE) as session:
            session.record(Ticked(hand_id="h"), expected_version=0)
            session.record(Ticked(hand_id="h"), expected_version=1)
        for stale in (0, 1, 3):
            with pytest.raises(ConflictError, match="hand/h has version 2"):
                async with database.transaction(HERE) as session:
                    session.record(Ticked(hand_id="h"), expected_version=stale)

    run(log, go)


def test_nobody_changes_what_happened(log: Settings) -> None:
    run(log, lambda database: record_one(database))
    with psycopg.connect(postgres.dsn(log), autocommit=True) as connection:
        for statement in ("update app.events set data = '{}'", "delete from app.events", "truncate app.events cascade"):
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute(statement.encode())


async def record_one(database: Database, hand: str = "h", tenant: Tenant = HERE) -> None:
    async with database.transaction(tenant) as session:
        session.record(Ticked(hand_id=hand))


def test_a_tenant_reads_and_writes_its_own_only(log: Settings) -> None:
    async def go(database: Database) -> tuple[int, int, int]:
        for tenant in (HERE, Tenant("org_1", "two"), Tenant("org_2", "three"), Tenant("org_1")):
            await record_one(database, str(tenant), tenant)
        counts = []
        for tenant in (HERE, Tenant("org_1"), None):
            async with database.transaction(tenant) as session:
                counts.append(len(await read(session)))
        return tuple(counts)  # type: ignore[return-value]

    # its workspace's and its organisation's; the organisation's; none
    assert run(log, go) == (2, 1, 0)


def test_a_reader_skips_nothing_beside_concurrent_writers(log: Settings) -> None:
    """Reading by number alone misses what commits late: half of the writers here hold their transaction open a while."""

    async def go(database: Database) -> tuple[list[str], set[str]]:
        seen: list[str] = []
        done = asyncio.Event()

        async def write(writer: int) -> list[str]:
            made = []
            for number in range(15):
                async with database.transaction(HERE) as session:
                    made.append(session.record(Ticked(hand_id=f"{writer}")))
                    if (writer + number) % 2:
                        await session.flush()
                        session.after_commit(_nothing)
                        from nexus.events.log import append

                        await append(session, session._recorded)
                        session._recorded = []
                        await asyncio.sleep(0.01)
            return made

        async def follow() -> None:
            at = Position()
            while True:
                over = done.is_set()
                async with database.system() as session:
                    found = await read(session, at, limit=7)
                seen.extend(one.id for one in found)
                if found:
                    at = found[-1].at
                elif over:
                    return
                else:
                    await asyncio.sleep(0.001)

        reader = asyncio.create_task(follow())
        made = await asyncio.gather(*(write(n) for n in range(8)))
        done.set()
        await reader
        return seen, {one for some in made for one in some}

    seen, made = run(log, go)
    assert len(seen) == len(set(seen)) == 120
    assert set(seen) == made


async def _nothing() -> None:
    return None


def test_a_stream_is_numbered_without_gaps_whoever_writes(log: Settings) -> None:
    async def go(database: Database) -> list[int]:
        await asyncio.gather(*(record_one(database, "same") for _ in range(30)))
        async with database.system() as session:
            return [one.sequence for one in await read(session)]

    assert run(log, go) == list(range(1, 31))
