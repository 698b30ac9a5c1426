"""Replay: what is chosen comes again, nothing is sent outside, no faster than was asked."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from nexus.db import Database
from nexus.errors import InputError
from nexus.events.consumer import Consumer
from nexus.events.deliver import deliver
from nexus.events.log import Recorded
from nexus.events.replay import Span, replay
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
