"""What a slice can let a worker do: jobs and schedules, found in `api/<domain>/jobs.py`.

Belongs here: declaring one, which errors are worth another attempt. Does not belong here: rows (rows.py), attempts
(attempt.py).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nexus import slices
from nexus.errors import NotFoundError, Transient
from nexus.trouble import machine_error

if TYPE_CHECKING:
    from nexus.jobs.work import Work

#: Pauses before the second, third, … attempt.
PAUSES = (timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10))
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

#: What a job does; its result is kept as JSON.
Handle = Callable[["Work"], Awaitable[dict[str, Any] | None]]


class Again(Exception):
    """Raised by a job that is to be gone on with later, though nothing failed."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again after {after}")
        self.after = after


@dataclass(frozen=True, slots=True)
class Job:
    """`timeout` is of one attempt. `deaths`: so many times may its worker die in it until it counts as failed. `cron`
    (six fields, the first of them seconds, UTC) makes it a schedule, which is of no tenant."""

    name: str
    handle: Handle
    pauses: tuple[timedelta, ...] = PAUSES
    timeout: timedelta = timedelta(minutes=10)
    deaths: int = 5
    cron: str | None = None


_register: dict[str, Job] = {}


def job(
    name: str,
    *,
    pauses: tuple[timedelta, ...] = PAUSES,
    timeout: timedelta = timedelta(minutes=10),
    deaths: int = 5,
) -> Callable[[Handle], Handle]:
    """Declares a job; `name` is `<domain>.<what>`.

    @job("reports.export")
    async def export(work: Work) -> dict[str, Any]: …
    """

    def declare(handle: Handle) -> Handle:
        _add(Job(name, handle, pauses, timeout, deaths))
        return handle

    return declare


def schedule(
    name: str, cron: str, *, pauses: tuple[timedelta, ...] = PAUSES, timeout: timedelta = timedelta(minutes=10)
) -> Callable[[Handle], Handle]:
    """Declares a job that begins by the clock. What fell due while no worker ran is not made up for."""

    def declare(handle: Handle) -> Handle:
        if len(cron.split()) != 6:
            raise ValueError(f"schedule {name!r}: {cron!r} has not six fields (second minute hour day month weekday)")
        _add(Job(name, handle, pauses, timeout, cron=cron))
        return handle

    return declare


def _add(made: Job) -> None:
    if not _NAME.fullmatch(made.name):
        raise ValueError(f"{made.name!r} is not <domain>.<what>")
    known = _register.get(made.name)
    if known is not None and known.handle.__module__ != made.handle.__module__:
        raise ValueError(f"a job {made.name!r} is declared in {known.handle.__module__} already")
    _register[made.name] = made


def jobs() -> dict[str, Job]:
    """Name → job, of the kernel and of every slice."""
    from nexus.events import pruning  # noqa: F401  (declares the kernel's own)
    from nexus.jobs import keeping  # noqa: F401

    slices.modules("jobs")
    return dict(sorted(_register.items()))


def get(name: str) -> Job:
    """Raises NotFoundError that lists the known ones."""
    found = _register.get(name) or jobs().get(name)
    if found is None:
        raise NotFoundError(f"no job {name!r}", remedy=f"known: {', '.join(jobs())}")
    return found


def retryable(error: BaseException) -> bool:
    """Whether the same call may succeed later. What no error of the tree explains is a mistake of ours: it stays one."""
    return isinstance(error, Transient | TimeoutError | ConnectionError) or machine_error(error) is not None
