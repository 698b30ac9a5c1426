"""Sending: claims what is due, sends it to many receivers at once, notes how it went.

Belongs here: the loop of one worker, one request. Does not belong here: whose turn it is (queue.py), what an answer
means (outcome.py), which addresses may be called (nexus/egress).

No receiver holds up another: an endpoint and an organisation have so many requests under way at once and no more, one
request lasts so long and no longer, and endpoints that are failing share half of the places, whatever they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import orjson

from api.webhooks import outcome, queue, signing
from api.webhooks.events import EndpointDisabled
from api.webhooks.outcome import Outcome
from api.webhooks.queue import Claimed
from nexus import egress
from nexus.db import Database, Session, roles
from nexus.db.engine import connect
from nexus.errors import MachineError, NexusError
from nexus.sealing import UnsealableError
from nexus.settings import Settings
from nexus.telemetry import context, spans
from nexus.tenancy import Tenant
from nexus.trouble import machine_error

#: Requests under way at once in one worker, and how many of them may be to endpoints that are failing.
SLOTS, FOR_FAILING = 48, 24
#: Seconds: for one request and its answer; between looks without a notification; after trouble with the database.
WITHIN, POLL, TROUBLE = 15.0, 1.0, 2.0
#: Seconds: in which requests that end are waited for together, so that each does not cost a look of its own; between looks
#: at endpoints that are failing.
GATHER, UNWELL = 0.01, 0.5
#: Bytes of an answer that are read: more says nothing more.
_READ = 4096
_OURS = timedelta(minutes=5)
_AWAY = (OSError, MachineError, asyncpg.PostgresError, asyncpg.InterfaceError)
_log = logging.getLogger("nexus.webhooks")


class Sender:
    """Sends until told to stop. One instance for each event loop."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._database = Database(settings, pool_size=24)
        self._http = http or egress.client(settings, within=WITHIN)
        self._sealer = signing.sealer(settings)
        self._under_way: dict[asyncio.Task[None], bool] = {}
        self._wake = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`; what is being sent then is finished. A database that goes away is waited for."""
        try:
            while not stopping.is_set():
                try:
                    await self._connected(stopping)
                except* _AWAY as several:
                    _log.warning("webhooks lost their database: %s; again in %s s", several.exceptions[0], TROUBLE)
                    await _waited(stopping, TROUBLE)
        finally:
            await self.close()

    async def _connected(self, stopping: asyncio.Event) -> None:
        listening = await connect(self._settings, roles.SYSTEM)
        try:
            listening.add_termination_listener(lambda _: self._wake.set())
            await listening.add_listener(queue.CHANNEL, lambda *_: self._wake.set())
            looked = 0.0
            while not stopping.is_set():
                if listening.is_closed():
                    raise asyncpg.InterfaceError("the connection that listens is closed")
                self._wake.clear()
                is_time = time.monotonic() - looked >= UNWELL
                looked = time.monotonic() if is_time else looked
                if not await self.step(failing=is_time):
                    await self._idle(stopping)
        finally:
            listening.terminate()

    async def _idle(self, stopping: asyncio.Event) -> None:
        """Until there may be more to do: somebody says so, a place becomes free, or a moment has passed."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._wake, stopping)]
        await asyncio.wait([*waiting, *self._under_way], timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
        for wait in waiting:
            wait.cancel()
        if not self._wake.is_set():
            await asyncio.sleep(GATHER)

    async def step(self, *, failing: bool = True) -> int:
        """Begins to send what is due and has a place (to endpoints that are `failing` too); how many."""
        begun = 0
        for unwell in (False, True) if failing else (False,):
            free = SLOTS - len(self._under_way)
            if unwell:
                free = min(free, FOR_FAILING - sum(self._under_way.values()))
            if free <= 0:
                continue
            async with self._database.system() as session:
                claimed = await queue.claim(session, free, failing=unwell)
            for one in claimed:
                task = asyncio.create_task(self._deliver(one))
                self._under_way[task] = unwell
                task.add_done_callback(lambda done: self._under_way.pop(done, None))
            begun += len(claimed)
        return begun

    async def drained(self) -> None:
        """Sends everything that is due, and comes back once it has ended."""
        while True:
            # looked at first: what ends during the step may have made place for more
            was_busy = bool(self._under_way)
            if not await self.step() and not was_busy:
                return
            if self._under_way:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """What is being sent is finished first."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._http.aclose()
        await self._database.close()

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            await self._attempted(claimed)
        except Exception as error:  # noqa: BLE001
            # the lease ends by itself, and it is sent again
            if (trouble := machine_error(error)) is not None:
                _log.warning("webhook %s: how it went could not be noted: %s", claimed.id, trouble.message)
            else:
                _log.error("webhook %s broke", claimed.id, exc_info=error)

    async def _attempted(self, claimed: Claimed) -> None:
        event = claimed.event
        begun = context.begin(event.traceparent if event else None, causation=event.id if event else None)
        begun.organisation = claimed.organisation
        token = context.set_current(begun)
        try:
            with spans.span("send webhook", "client", "worker", {"attempt": claimed.number}) as span:
                result = await self._sent(claimed)
                span.is_error = not result.is_delivered
                span.attributes["status"] = result.status or 0
        except UnsealableError as error:
            _log.error("webhook %s is not sent: %s", claimed.id, error)
            async with self._database.system() as session:
                await queue.give_back(session, claimed, _OURS)
            return
        finally:
            context.reset(token)
        async with self._database.system(Tenant(claimed.organisation)) as session:
            if result.is_delivered:
                await queue.succeeded(session, claimed, result)
            elif event is None:
                await queue.given_up(session, claimed, result)
            else:
                await self._failed(session, claimed, result)

    async def _sent(self, claimed: Claimed) -> Outcome:
        """One request. Raises UnsealableError, before anything is sent."""
        now = datetime.now(UTC)
        if claimed.event is None:
            return Outcome(now, error="the event log keeps this event no more")
        signing_with = [self._sealer.open(sealed, about=id).decode() for id, sealed in claimed.secrets]
        body = orjson.dumps(claimed.event.cloud_event()).decode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Nexus-Webhooks",
            **signing.headers(claimed.event.id, now, body, signing_with),
        }
        began = time.perf_counter()
        try:
            answer = await egress.ask(self._http, "POST", claimed.url, content=body, headers=headers, most=_READ)
        except NexusError as error:
            return Outcome(now, _since(began), error=error.message)
        return Outcome(
            now,
            _since(began),
            status=answer.status,
            error=None if 200 <= answer.status < 300 else f"answered with {answer.status}",
            response=outcome.excerpt(answer.body) or None,
            retry_after=outcome.retry_after(answer.headers, now),
        )

    async def _failed(self, session: Session, claimed: Claimed, result: Outcome) -> None:
        pause = None if result.is_gone else outcome.pause(claimed.step, result.retry_after)
        health = await queue.failed(session, claimed, result, pause)
        if health is None:
            return
        because = "gone" if result.is_gone else None
        if because is None and outcome.is_failing(health.failing_since, health.failures, health.now):
            because = "failing"
        if because and await queue.disable(session, claimed, because):
            told = EndpointDisabled(
                endpoint_id=claimed.endpoint,
                because=because,  # type: ignore[arg-type]
                failures=health.failures,
                reason=result.error or "",
            )
            session.record(told, causation=claimed.event.id if claimed.event else None)
            _log.warning("webhook endpoint %s is switched off: %s", claimed.endpoint, because)


def _since(began: float) -> int:
    return int((time.perf_counter() - began) * 1000)


async def _waited(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
