"""Sagas in their tables: loading them as the machine sees them, writing what it says.

Belongs here: the statements. Does not belong here: transitions (machine.py), when they are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from nexus.errors import ContractError, NotFoundError
from nexus.sagas.declare import Saga, get
from nexus.sagas.machine import ENDED, Call, Progress, State, StepState
from nexus.sagas.models import AttemptRow, SagaRow, StepRow
from nexus.tenancy import Tenant


@dataclass(slots=True)
class Kept:
    """A saga, its steps in order, and its declaration."""

    row: SagaRow
    steps: Sequence[StepRow]
    saga: Saga

    @property
    def progress(self) -> Progress:
        states = tuple(cast(StepState, step.state) for step in self.steps)
        return Progress(cast(State, self.row.state), self.row.is_back, states)

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.row.organisation_id, self.row.workspace_id)

    def become(self, progress: Progress) -> None:
        """Takes on what the machine says; written with the transaction."""
        self.row.state, self.row.is_back, self.row.attempt_id = progress.state, progress.is_back, None
        for step, state in zip(self.steps, progress.steps, strict=True):
            step.state = state
        if progress.state in ENDED:
            self.row.finished_at = func.clock_timestamp()


async def row(session: AsyncSession, id: str, *, to_change: bool = False) -> SagaRow:
    """Raises NotFoundError, also for one of another tenant."""
    found = await session.get(SagaRow, id, with_for_update=to_change or None, populate_existing=True)
    if found is None:
        raise NotFoundError("there is no such saga")
    return found


async def steps(session: AsyncSession, id: str) -> Sequence[StepRow]:
    wanted = select(StepRow).where(StepRow.saga_id == id).order_by(StepRow.position)
    return (await session.scalars(wanted.execution_options(populate_existing=True))).all()


async def locked(session: AsyncSession, id: str) -> Kept:
    """To change it. Raises NotFoundError; ContractError if its declaration has other steps than it began with."""
    found = await row(session, id, to_change=True)
    kept = Kept(found, await steps(session, id), get(found.name))
    began, now = [s.name for s in kept.steps], [s.name for s in kept.saga.steps]
    if began != now:
        raise ContractError(
            f"saga {id} began with the steps {', '.join(began)}, and {found.name} has {', '.join(now)}",
            remedy="declare a saga of another name for what is new, and keep this one until none of it runs",
        )
    return kept


async def attempts(session: AsyncSession, id: str) -> Sequence[AttemptRow]:
    """All of them, in order."""
    wanted = select(AttemptRow).where(AttemptRow.saga_id == id).order_by(AttemptRow.started_at, AttemptRow.id)
    return (await session.scalars(wanted)).all()


async def attempts_at(session: AsyncSession, kept: Kept, call: Call) -> Sequence[AttemptRow]:
    """Those at one call that still count."""
    wanted = select(AttemptRow).where(
        AttemptRow.saga_id == kept.row.id,
        AttemptRow.position == call.index,
        AttemptRow.is_compensation == call.is_compensation,
    )
    if kept.row.mended_at is not None:
        wanted = wanted.where(AttemptRow.started_at > kept.row.mended_at)
    return (await session.scalars(wanted)).all()
