"""What a saga consists of, as slices declare it in `api/<domain>/sagas.py`.

Belongs here: the description, finding it by name. Does not belong here: running it (running.py).

    CLOSE = Saga("organisations.close", Step("suspend", suspend, compensate=readmit), Step("remove", remove, is_final=True))
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nexus import slices
from nexus.db import Session, Tenant
from nexus.errors import NotFoundError
from nexus.sagas.machine import Shape

_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_STEP = re.compile(r"[a-z][a-z0-9_]*")
#: Pauses before the second, third, … call of the same step.
PAUSES = (timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Doing:
    """What an action or a compensation is given.

    `key` is the same however often it is called: an idempotency key for other systems. `done` has what earlier steps
    returned, and for a compensation what its own step did (None if that never answered).
    """

    saga_id: str
    key: str
    arguments: Mapping[str, Any]
    done: Mapping[str, Any]
    tenant: Tenant
    by: str
    begun_at: datetime
    _session: Session | None = None

    @property
    def session(self) -> Session:
        """The transaction that is the step. Raises RuntimeError in a step that is `outside`, which has none."""
        if self._session is None:
            raise RuntimeError("a step outside the database has no transaction")
        return self._session


#: Its result is kept as JSON, and nothing secret. It may raise `nexus.jobs.Again` to be called again later.
Act = Callable[[Doing], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Its action and its progress are one transaction of the saga's tenant (`is_system`: over every tenant).

    `is_outside`: it acts elsewhere, without a transaction, and may be called again after a kill: pass on `key`. Should it
    fail, it is compensated too, because it may have happened. `is_final`: once it is done there is no way back; steps
    after it are tried until they succeed, or wait for an operator. `timeout` is of one call; within a transaction at most
    25 s, since PostgreSQL ends one that idles for longer.
    """

    name: str
    act: Act
    compensate: Act | None = None
    timeout: timedelta = timedelta(seconds=20)
    pauses: tuple[timedelta, ...] = PAUSES
    is_outside: bool = False
    is_system: bool = False
    is_final: bool = False

    @property
    def shape(self) -> Shape:
        return Shape(self.compensate is not None, self.is_outside, self.is_final)


_register: dict[str, Saga] = {}


class Saga:
    """Declares a saga by its steps; `name` is `<domain>.<what>`. Raises ValueError for what cannot be meant."""

    def __init__(self, name: str, *steps: Step) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not <domain>.<what>")
        names = [step.name for step in steps]
        if not steps or len(set(names)) < len(names) or not all(map(_STEP.fullmatch, names)):
            raise ValueError(f"saga {name!r} needs steps, each of a name of its own: {names}")
        for step in steps:
            if not step.is_outside and step.timeout > timedelta(seconds=25):
                raise ValueError(f"saga {name!r}: a transaction of {step.name!r} may not last for {step.timeout}")
        self.name: str = name
        self.steps: tuple[Step, ...] = steps
        where = steps[0].act.__module__
        if name in _register and _register[name].steps[0].act.__module__ != where:
            raise ValueError(f"a saga {name!r} is declared in {_register[name].steps[0].act.__module__} already")
        _register[name] = self

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(step.shape for step in self.steps)


def sagas() -> dict[str, Saga]:
    """Name → saga, of every slice."""
    slices.modules("sagas")
    return dict(sorted(_register.items()))


def get(name: str) -> Saga:
    """Raises NotFoundError that lists the known ones."""
    found = _register.get(name) or sagas().get(name)
    if found is None:
        raise NotFoundError(f"no saga {name!r}", remedy=f"known: {', '.join(sagas()) or 'none yet'}")
    return found
