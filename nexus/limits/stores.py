"""Where limits are counted: in this process, or in Redis for all replicas.

Belongs here: keeping the numbers of keys, atomically. Does not belong here: the rules' arithmetic.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from nexus.errors import InputError
from nexus.limits.rules import Decision, Kept, Rule
from nexus.limits.scripts import BUCKET, WINDOW, script
from nexus.settings import Settings

#: Keys that one process remembers; the least recently used are forgotten first, which lets them begin anew.
MOST_KEYS = 100_000


class StoreError(Exception):
    """The store cannot be asked; the rule says whether that means yes or no."""


class Store(Protocol):
    async def decide(self, rule: Rule, key: str, cost: int) -> Decision: ...

    async def close(self) -> None: ...


class InProcess:
    """A dictionary. Right for one process; with several, each counts for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    async def decide(self, rule: Rule, key: str, cost: int) -> Decision:
        whole = f"{rule.name}/{key}"
        decision, kept = rule.decide(self._kept.get(whole), self._clock(), cost)
        self._kept[whole] = kept
        self._kept.move_to_end(whole)
        if len(self._kept) > MOST_KEYS:
            self._kept.popitem(last=False)
        return decision

    async def close(self) -> None:
        self._kept.clear()


class InRedis:
    """Shared by every replica. Redis itself lets a call through or not, in one step; however many replicas ask at once,
    each is answered. What a decision tells is worked out here, of the same numbers."""

    def __init__(self, url: str, timeout: float = 0.5) -> None:
        """`timeout` s is how long one decision may take, connecting included."""
        try:
            from redis import asyncio as redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import ConnectionError, RedisError
        except ImportError:
            raise InputError(
                "NEXUS_REDIS_URL is set, and the client is not installed", remedy="pip install redis"
            ) from None
        # a connection that Redis has closed meanwhile is made anew; what took too long may have been counted
        retry = Retry(NoBackoff(), 1, (ConnectionError,))
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry
        )
        self._scripts = {lua: self._client.register_script(lua) for lua in (BUCKET, WINDOW)}
        self._timeout, self._trouble = timeout, (RedisError, OSError)

    async def decide(self, rule: Rule, key: str, cost: int) -> Decision:
        # keys may hold addresses of people: what is stored names nobody
        name = f"nexus:limit:{rule.name}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        lua, numbers = script(rule)
        values = [cost, max(1, int(rule.forget_after * 1000)), *numbers]
        try:
            async with asyncio.timeout(self._timeout):
                raw, seconds, micros = await self._scripts[lua]([name], values)
        except self._trouble as error:
            raise StoreError(str(error)) from error
        kept = tuple(orjson.loads(raw)) if raw else None
        return rule.decide(kept, int(seconds) + int(micros) / 1e6, cost)[0]

    async def close(self) -> None:
        await self._client.aclose()


class Limiter:
    """Asks a store, and says what its absence means."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def take(self, rule: Rule, key: str, cost: int = 1) -> tuple[Decision, bool]:
        """The decision, and whether the store was there. Without it a rule that fails open allows, and one that fails
        closed refuses for a second."""
        try:
            return await self.store.decide(rule, key, cost), True
        except StoreError:
            is_open = rule.when_unknown == "open"
            return Decision(is_open, 0, 0, 1.0, 0.0 if is_open else 1.0), False


def limiter(settings: Settings) -> Limiter:
    """That of this process: in Redis if NEXUS_REDIS_URL is set, so that replicas count together."""
    if settings.redis_url is not None:
        return Limiter(InRedis(settings.redis_url.get_secret_value()))
    return Limiter(InProcess())
