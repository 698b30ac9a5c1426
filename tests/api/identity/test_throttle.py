"""Buckets: never more than their size at once, never more in the long run than they lose, whatever the order."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from api.identity.repository import throttles
from api.identity.throttle import ACCOUNT, ADDRESS, Bucket, Place, places, taken
from nexus.db import Database
from nexus.limits import network
from tests.api.identity.people import PeopleOf

START = datetime(2026, 1, 1, tzinfo=UTC)


class Bucketed(RuleBasedStateMachine):
    """One bucket beside a model that counts: failures leak one by one, at fixed times after the first."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = Bucket("b", 4, timedelta(minutes=5))
        self.now = START
        self.drained: datetime | None = None
        self.held: list[datetime] = []

    def _level(self) -> float:
        return max(0.0, ((self.drained or self.now) - self.now) / self.bucket.every)

    @rule(minutes=st.integers(0, 12))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def somebody_fails(self) -> None:
        before = self._level()
        then = taken(self.bucket, self.drained, self.now)
        if isinstance(then, timedelta):
            assert before > self.bucket.size - 1
            # exactly so long, and no longer
            assert isinstance(taken(self.bucket, self.drained, self.now + then), datetime)
            assert isinstance(taken(self.bucket, self.drained, self.now + then - timedelta(microseconds=1)), timedelta)
        else:
            assert before <= self.bucket.size - 1
            self.drained = then
            self.held.append(self.now)

    @precondition(lambda self: self.held and self.held[-1] == self.now)
    @rule()
    def the_last_one_succeeded(self) -> None:
        assert self.drained is not None
        self.held.pop()
        self.drained -= self.bucket.every

    @invariant()
    def no_window_holds_more_than_it_may(self) -> None:
        for first in range(len(self.held)):
            window = self.held[-1] - self.held[first]
            assert len(self.held) - first <= self.bucket.size + window / self.bucket.every

    @invariant()
    def it_is_never_fuller_than_full(self) -> None:
        assert self._level() <= self.bucket.size


TestBucketed = Bucketed.TestCase


@given(st.lists(st.integers(0, 30), max_size=40))
def test_an_attacker_who_never_stops_leaves_room_for_one_each_time(pauses: list[int]) -> None:
    """Refused attempts cost nothing: hammering does not make the wait longer."""
    drained: datetime | None = None
    now = START
    for pause in pauses:
        now += timedelta(seconds=pause)
        then = taken(ACCOUNT, drained, now)
        if isinstance(then, datetime):
            drained = then
        else:
            assert then <= ACCOUNT.every


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("not an address", "not an address"),
    ],
)
def test_whose_an_address_is(address: str, same: str) -> None:
    assert network(address) == same


def test_a_known_device_has_a_bucket_that_nobody_else_fills() -> None:
    at_home = places("ada@people.example", "203.0.113.7", "dev_1")
    elsewhere = places("ada@people.example", "203.0.113.7", None)
    assert [p.bucket.name for p in at_home] == ["device"]
    assert {p.bucket.name for p in elsewhere} == {"account", "address", "domain"}
    assert not {p.key for p in at_home} & {p.key for p in elsewhere}
    # every attempt locks in the same order
    assert [p.key for p in elsewhere] == sorted(p.key for p in elsewhere)


def test_all_or_none_are_taken_and_empty_ones_are_swept(people: PeopleOf) -> None:
    people.fill(ACCOUNT, "full", 10)
    people.fill(ACCOUNT, "empty", 0)
    full, free = Place(ACCOUNT, ACCOUNT.key("full")), Place(ADDRESS, ADDRESS.key("free"))

    async def run() -> None:
        database = Database(people.kernel.settings)
        async with database.system() as session:
            refused = await throttles.take(session, sorted([full, free], key=lambda p: p.key))
            assert refused is not None
            assert refused.is_news
            assert timedelta(0) < refused.wait <= ACCOUNT.every
        async with database.system() as session:
            assert not (await throttles.take(session, [full])).is_news  # type: ignore[union-attr]
            assert await throttles.take(session, [free]) is None
            await throttles.give_back(session, [free])
        await database.close()

    asyncio.run(run())
    left = people.kernel.sql("select key, drained_at <= now() from app.identity_throttle")
    assert {bytes(key) for key, _ in left} <= {full.key, free.key}
    assert {bytes(key): is_empty for key, is_empty in left}.get(free.key, True)
