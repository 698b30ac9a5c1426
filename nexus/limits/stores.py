"""Where limits are counted: in this process, or in Redis for all replicas.

Belongs here: keeping the numbers of keys, atomically. Does not belong here: the rules' arithmetic.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from nexus.errors import InputError
from nexus.limits.rules import Decision, Kept, Rule
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
    """Shared by every replica. The same rules: the numbers are read, decided on here, and written if nobody else was
    quicker; a key that is fought for is decided on again."""

    _ATTEMPTS = 8

    def __init__(self, url: str, timeout: float = 0.25) -> None:
        try:
            from redis import asyncio as redis
            from redis.exceptions import RedisError, WatchError
        except ImportError:
            raise InputError(
                "NEXUS_REDIS_URL is set, and the client is not installed", remedy="pip install redis"
            ) from None
        self._client: Any = redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
        self._lost, self._trouble = WatchError, (RedisError, OSError)

    async def decide(self, rule: Rule, key: str, cost: int) -> Decision:
        # keys may hold addresses of people: what is stored names nobody
        name = f"nexus:limit:{rule.name}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        try:
            for _ in range(self._ATTEMPTS):
                if decision := await self._attempt(rule, name, cost):
                    return decision
        except self._trouble as error:
            raise StoreError(str(error)) from error
        raise StoreError("too many at once for one key")

    async def _attempt(self, rule: Rule, name: str, cost: int) -> Decision | None:
        async with self._client.pipeline(transaction=True) as pipe:
            try:
                await pipe.watch(name)
                raw = await pipe.get(name)
                seconds, micros = await pipe.time()
                decision, kept = rule.decide(tuple(orjson.loads(raw)) if raw else None, seconds + micros / 1e6, cost)
                pipe.multi()
                pipe.set(name, orjson.dumps(kept), px=max(1, int(rule.forget_after * 1000)))
                await pipe.execute()
            except self._lost:
                return None
            return decision

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
