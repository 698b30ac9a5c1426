"""What a slice does when something happened: named, durable consumers, found in `api/<domain>/consumers.py`.

Belongs here: declaring one, what its function is given. Does not belong here: how far it is (offsets.py), what becomes
of failures (letters.py), the loop (relay.py).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from nexus import slices
from nexus.errors import NotFoundError
from nexus.events.event import Event
from nexus.events.log import Recorded

if TYPE_CHECKING:
    from nexus.db.session import Session

_log = logging.getLogger("nexus.events")
#: The name under which the lake notes how far it has drained the log, beside the consumers.
LAKE = "lake"
#: Pauses before the second, third, … attempt; after the last of them an event is a dead letter.
PAUSES = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one consumer. What is written through `session` commits with the consumer's progress, or not at all."""

    recorded: Recorded
    session: Session
    is_replay: bool = False

    @property
    def event(self) -> Event:
        """The typed event, in its newest version."""
        return self.recorded.event

    def outside(self, call: Callable[[], Awaitable[None]]) -> None:
        """An effect that no transaction takes back (a mail, a request): after the commit, and never in a replay.

        It may be lost if the process dies in between, or if it fails, which the log tells; what must not be is a job of its own.
        """

        async def tried() -> None:
            # the event has been dealt with: nothing of it is undone, and other calls have their turn
            try:
                await call()
            except Exception as error:  # noqa: BLE001
                _log.error("a call outside for event %s failed, and is lost", self.recorded.id, exc_info=error)

        if not self.is_replay:
            self.session.after_commit(tried)


Handle = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """`types` may end in `*`. `ordered`: after a failure, later events of its stream wait. `replayable`: having an event
    twice does no harm, because what it writes is the same again. `every_tenant`: it runs as `nexus_system`, for what one
    tenant's event means to others; what it records, it says whose it is."""

    name: str
    handle: Handle
    types: tuple[str, ...] = ("*",)
    start: Literal["beginning", "now"] = "beginning"
    ordered: bool = True
    replayable: bool = False
    pauses: tuple[timedelta, ...] = PAUSES
    timeout: timedelta = timedelta(seconds=20)
    batch: int = 200
    every_tenant: bool = False

    def wants(self, recorded: Recorded) -> bool:
        return any(fnmatchcase(recorded.type, pattern) for pattern in self.types)


_register: dict[str, Consumer] = {}


def consumer(
    name: str,
    *types: str,
    start: Literal["beginning", "now"] = "beginning",
    ordered: bool = True,
    replayable: bool = False,
    pauses: tuple[timedelta, ...] = PAUSES,
    timeout: timedelta = timedelta(seconds=20),
    batch: int = 200,
    every_tenant: bool = False,
) -> Callable[[Handle], Handle]:
    """Declares a consumer; `name` is `<domain>.<what>`, and its progress is kept under it. At most `batch` events are one
    transaction: everybody's later events wait for its end.

    @consumer("search.index", "notes.*", replayable=True)
    async def index(delivery: Delivery) -> None: …
    """

    def declare(handle: Handle) -> Handle:
        made = Consumer(name, handle, types or ("*",), start, ordered, replayable, pauses, timeout, batch, every_tenant)
        known = _register.get(name)
        if known is not None and known.handle.__module__ != handle.__module__:
            raise ValueError(f"a consumer {name!r} is declared in {known.handle.__module__} already")
        _register[name] = made
        return handle

    return declare


def consumers() -> dict[str, Consumer]:
    """Name → consumer, of every slice."""
    slices.modules("consumers")
    return dict(sorted(_register.items()))


def is_known(name: str) -> bool:
    """Whether somebody declares it. The lake, which keeps its place beside the consumers, always is."""
    return name == LAKE or name in consumers()


def get(name: str) -> Consumer:
    """Raises NotFoundError that lists the known ones."""
    found = consumers()
    if name not in found:
        raise NotFoundError(f"no consumer {name!r}", remedy=f"known: {', '.join(found) or 'none yet'}")
    return found[name]
