"""The candidate: the private build that a run works on, held by that run alone from its first step to its last.

Belongs here: the resource `candidate`. Does not belong here: what is done with it (raw.py, dbt_assets.py, gates.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from dagster import InitResourceContext, ResourceDefinition

from nexus.errors import ConflictError
from nexus.settings import Settings

if TYPE_CHECKING:
    from warehouse.publish import BuildLock
    from warehouse.quality import Reads

#: How long a run waits for another build before it gives up.
PATIENCE = timedelta(minutes=30)
KEY = "candidate"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What steps need to know of the build; existing means holding the build lock."""

    settings: Settings
    lock: BuildLock

    def check(self) -> None:
        """Raises MachineError if the build lock was lost, as it is when PostgreSQL dies: nothing may be written then."""
        self.lock.check()

    def put_down(self) -> None:
        """Closes the build until a step opens it again: what comes next needs the memory that the engine holds of it."""
        from warehouse.engines import let_go

        let_go(self.settings.warehouse, self.settings)

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        """The build, open for queries. dbt cannot work while it is."""
        from warehouse.quality.reads import reading

        self.check()
        with reading(self.settings) as reads:
            yield reads


def resource(settings: Settings, patience: timedelta = PATIENCE) -> ResourceDefinition:
    """Initialised once a run: waits for the build lock, holds it until the run ends. A dead process holds nothing."""

    def hold(context: InitResourceContext) -> Iterator[Candidate]:
        from orchestration.inbox import conclude
        from orchestration.instance import connected
        from warehouse.engines import kept_open
        from warehouse.publish import build_lock

        _name_process(context)
        deadline = time.monotonic() + patience.total_seconds()
        while True:
            lock = build_lock(settings)
            try:
                held = lock.__enter__()
            except ConflictError:
                if time.monotonic() > deadline:
                    raise
                if context.log:
                    context.log.info("another build is running; waiting for it")
                time.sleep(2)
                continue
            break
        try:
            with (
                connected(context.instance) if context.instance else nullcontext(),
                kept_open(settings.warehouse, settings),
            ):
                yield Candidate(settings, held)
            conclude(settings, context.run.run_id if context.run else "")
        finally:
            lock.__exit__(None, None, None)

    return ResourceDefinition(resource_fn=hold, description="The private build; one run at a time.")


def _name_process(context: InitResourceContext) -> None:
    """Says which process executes this run, so that it is recognised as dead if it is killed."""
    from orchestration.instance import PROCESS_TAG, has_named_process, process_tag

    instance = context.instance
    run = instance.get_run_by_id(context.run.run_id) if instance and context.run else None
    if instance and run and not has_named_process(run):
        instance.add_run_tags(run.run_id, {PROCESS_TAG: process_tag(run.run_id)})
