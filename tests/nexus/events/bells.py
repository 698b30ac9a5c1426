"""Bells that ring, and a consumer that keeps what it hears."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from nexus import postgres
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.events import Event
from nexus.events.consumer import Consumer, Delivery
from nexus.settings import Settings

ONE, TWO = Tenant("org_1", "one"), Tenant("org_2", "two")


class Rang(Event, type="door.bell.rang"):
    bell_id: str
    number: int = 0


class Kept:
    """A consumer that keeps what it gets in a table, and fails as told."""

    def __init__(self) -> None:
        self.failing: dict[int, int] = {}
        self.sent: list[int] = []

    async def __call__(self, delivery: Delivery) -> None:
        event = delivery.event
        assert isinstance(event, Rang)
        sql = "insert into app.kept (workspace_id, bell, number) values (:w, :b, :n)"
        values = {"w": delivery.recorded.workspace_id, "b": event.bell_id, "n": event.number}
        await delivery.session.execute(text(sql), values)

        async def send() -> None:
            self.sent.append(event.number)

        delivery.outside(send)
        if self.failing.get(event.number, 0) > 0:
            self.failing[event.number] -= 1
            raise ValueError(f"cannot do {event.number}")


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def consumer(kept: Kept) -> Consumer:
    return Consumer("door.keep", kept, ("door.*",), pauses=(timedelta(0), timedelta(0)), replayable=True)


@pytest.fixture
def log(settings: Settings) -> Settings:
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        for statement in (
            "create table app.kept (id bigint generated always as identity, workspace_id text, bell text, number int)",
            "alter table app.kept enable row level security",
            "create policy tenant on app.kept to nexus_api"
            " using (workspace_id = nullif(current_setting('app.workspace', true), ''))",
            "grant select, insert on app.kept to nexus_api",
        ):
            connection.execute(statement.encode())
    return settings


def rows(settings: Settings) -> list[tuple[str, int]]:
    """(bell, number) as they were kept."""
    with psycopg.connect(postgres.dsn(settings)) as connection:
        return connection.execute("select bell, number from app.kept order by id").fetchall()


async def ring(database: Database, *numbers: int, bell: str = "a", tenant: Tenant = ONE) -> None:
    for number in numbers:
        async with database.transaction(tenant) as session:
            session.record(Rang(bell_id=bell, number=number))
