"""What becomes of sagas, and what operators did about those that were stuck, as readers of the event log learn of it."""

from __future__ import annotations

from nexus.events import Event


class SagaBegun(Event, type="sagas.saga.begun"):
    saga_id: str
    name: str
    by: str


class SagaTurned(Event, type="sagas.saga.turned"):
    """A step failed for good: what was done before is undone."""

    saga_id: str
    name: str
    step: str
    error: str


class SagaStuck(Event, type="sagas.saga.stuck"):
    """It can neither go on nor back by itself."""

    saga_id: str
    name: str
    step: str
    is_compensation: bool
    error: str


class SagaSucceeded(Event, type="sagas.saga.succeeded"):
    saga_id: str
    name: str


class SagaCompensated(Event, type="sagas.saga.compensated"):
    saga_id: str
    name: str


class SagaCancelled(Event, type="sagas.saga.cancelled"):
    """Somebody wants it undone."""

    saga_id: str
    name: str
    by: str
    reason: str


class SagaRetried(Event, type="sagas.saga.retried"):
    """An operator let it go on."""

    saga_id: str
    name: str
    step: str
    by: str
    reason: str


class SagaSkipped(Event, type="sagas.saga.skipped"):
    """An operator let it go on without the step."""

    saga_id: str
    name: str
    step: str
    by: str
    reason: str


class SagaAbandoned(Event, type="sagas.saga.abandoned"):
    """An operator left it as it was."""

    saga_id: str
    name: str
    step: str
    by: str
    reason: str
