"""`nexus events …` as somebody types it, over a log with a dead letter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from nexus import cli, postgres
from nexus.cli import events as commands
from nexus.db import Database, Session, Tenant
from nexus.db.migrate import migrate
from nexus.errors import ConflictError, InputError, NotFoundError
from nexus.events import Event, log
from nexus.events.consumer import Delivery, consumer
from nexus.events.turn import step
from nexus.settings import Settings, get_settings

runner = CliRunner()
given: list[str] = []
failing = {"oven_1"}


class Baked(Event, type="kitchen.oven.baked"):
    oven_id: str


@consumer("kitchen.smell", "kitchen.*", replayable=True, pauses=())
async def smell(delivery: Delivery) -> None:
    oven = delivery.recorded.subject
    if oven in failing:
        raise ValueError(f"{oven} is cold")
    given.append(oven)


@pytest.fixture
def typed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    assert settings.database_url
    migrate(settings)
    monkeypatch.setenv("NEXUS_HOME", str(settings.home))
    monkeypatch.setenv("NEXUS_DATABASE_URL", settings.database_url.get_secret_value())
    get_settings.cache_clear()
    given.clear()
    failing.add("oven_1")
    asyncio.run(_happen(settings))
    yield settings
    get_settings.cache_clear()


async def _happen(settings: Settings) -> None:
    await _bake(settings, *(f"oven_{number}" for number in range(3)))
    database = Database(settings)
    await _drain(database)
    await database.close()


async def _drain(database: Database) -> None:
    from nexus.events.consumer import get

    while await step(database, get("kitchen.smell")) == 0:
        pass


def say(*arguments: str) -> str:
    done = runner.invoke(cli.build(), ["events", *arguments], catch_exceptions=True)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_tail(typed: Settings) -> None:
    lines = say("tail").splitlines()
    assert [line.split()[3:5] for line in lines] == [["kitchen.oven.baked", f"oven/oven_{n}#1"] for n in range(3)]
    [envelope] = [json.loads(line) for line in say("tail", "-n", "1", "--type", "kitchen.*", "--json").splitlines()]
    assert (envelope["specversion"], envelope["subject"]) == ("1.0", "oven_2")
    assert say("tail", "--type", "kitchen_x.*") == ""
    assert "oven_0" in say("tail", "--stream", "oven/oven_0")


class OverError(Exception):
    """Everything has been told."""


def test_tail_goes_on_with_what_happens(typed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, also what happens as it looks for where the log ends."""
    look, told, wait = log.newest, commands._print, asyncio.sleep
    happening = ["oven_8", "oven_9"]
    came: list[str | None] = []

    async def looking(session: Session, limit: int, **chosen: Any) -> list[log.Recorded]:
        found = await look(session, limit, **chosen)
        await _bake(typed, happening.pop(0))
        return found

    def telling(found: list[log.Recorded], as_json: bool) -> None:
        came.extend(event.subject for event in found)
        told(found, as_json)

    async def waiting(seconds: float) -> None:
        if "oven_9" in came:
            raise OverError
        await wait(seconds)

    monkeypatch.setattr(log, "newest", looking)
    monkeypatch.setattr(commands, "_print", telling)
    monkeypatch.setattr(commands, "asyncio", SimpleNamespace(sleep=waiting))
    done = runner.invoke(cli.build(), ["events", "tail", "--follow", "--type", "kitchen.*", "--json"])
    assert isinstance(done.exception, OverError)
    assert came == [json.loads(line)["subject"] for line in done.stdout.splitlines()]
    assert came == ["oven_0", "oven_1", "oven_2", "oven_8", "oven_9"]


async def _bake(settings: Settings, *ovens: str) -> None:
    database = Database(settings)
    for oven in ovens:
        async with database.transaction(Tenant("org_1", "one")) as session:
            session.record(Baked(oven_id=oven))
    await database.close()


def test_dead_letters(typed: Settings) -> None:
    [consumer_] = json.loads(say("consumers", "--json"))
    assert (consumer_["name"], consumer_["behind"], consumer_["dead"]) == ("kitchen.smell", 0, 1)
    [letter] = json.loads(say("dead-letters", "list", "--json"))
    event = letter["event"]["id"]
    assert "oven_1 is cold" in say("dead-letters", "show", "kitchen.smell", event)
    failing.clear()
    assert "1 requeued" in say("dead-letters", "requeue", "kitchen.smell")
    asyncio.run(_again(typed))
    # a list is not rolled back with the batch that failed
    assert list(dict.fromkeys(given)) == ["oven_0", "oven_2", "oven_1"]
    with pytest.raises(NotFoundError, match="no dead letters"):
        say("dead-letters", "purge", "kitchen.smell", "--all")


async def _again(settings: Settings) -> None:
    database = Database(settings)
    await _drain(database)
    await database.close()


def test_purge_says_which(typed: Settings) -> None:
    with pytest.raises(InputError, match="say which one"):
        say("dead-letters", "purge", "kitchen.smell")
    assert "1 purged" in say("dead-letters", "purge", "kitchen.smell", "--all")
    assert json.loads(say("dead-letters", "list", "--json")) == []


def test_replay(typed: Settings) -> None:
    failing.clear()
    given.clear()
    assert "3 would be given again" in say("replay", "kitchen.smell", "--dry-run")
    assert given == []
    assert "1 given again" in say("replay", "kitchen.smell", "--stream", "oven/oven_0")
    assert given == ["oven_0"]
    assert "0 given again" in say("replay", "kitchen.smell", "--until", "2020-01-01")
    with pytest.raises(NotFoundError, match=r"kitchen\.smell"):
        say("replay", "kitchen.noise")


def test_pause(typed: Settings) -> None:
    say("pause", "kitchen.smell")
    assert json.loads(say("consumers", "--json"))[0]["is_paused"] is True
    say("resume", "kitchen.smell")
    assert json.loads(say("consumers", "--json"))[0]["is_paused"] is False


def test_a_retired_consumer_is_forgotten(typed: Settings) -> None:
    """It holds old events back for as long as it is known; who is declared, or still at work, is not forgotten."""
    with pytest.raises(ConflictError, match=r"kitchen\.smell' is declared"):
        say("forget", "kitchen.smell")
    with pytest.raises(ConflictError, match="the lake reads the log"):
        say("forget", "lake")
    with pytest.raises(NotFoundError, match=r"kitchen\.noise"):
        say("forget", "kitchen.noise")
    with psycopg.connect(postgres.dsn(typed), autocommit=True) as sql:
        sql.execute("insert into app.consumer (name) values ('kitchen.noise')")
        sql.execute(
            "insert into app.delivery (consumer, event_id, organisation_id, stream, state, generation, xid, position)"
            " select 'kitchen.noise', id, organisation_id, stream, 'dead', generation, xid, position from app.events limit 1"
        )
        assert "retired" in say("consumers")
        assert [c["is_retired"] for c in json.loads(say("consumers", "--json"))] == [True, False]
        sql.execute("select pg_advisory_lock(hashtextextended('consumer kitchen.noise', 7305))")
        with pytest.raises(ConflictError, match="a worker still works on"):
            say("forget", "kitchen.noise")
        sql.execute("select pg_advisory_unlock_all()")
        assert say("forget", "kitchen.noise") == "forgot kitchen.noise: 3 events that it had not passed, 1 letters\n"
        assert [c["name"] for c in json.loads(say("consumers", "--json"))] == ["kitchen.smell"]
        assert sql.execute("select count(*) from app.delivery where consumer = 'kitchen.noise'").fetchone() == (0,)
