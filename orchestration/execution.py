"""Runs the build job of the asset graph in this process, against the instance that the pages of Dagster show.

Belongs here: starting a run, hearing its events, saying how it ended. Does not belong here: showing it (display.py),
the graph (build.py).
"""

from __future__ import annotations

import logging
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nexus.errors
from nexus.errors import GateError, NexusError
from nexus.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance

    from warehouse.quality import GateResult


@dataclass(slots=True)
class StepState:
    """A step of the run. `state` is running, done, failed, skipped or retrying; `counts` add up its results."""

    key: str
    state: str = "running"
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    relations: int = 0
    new_rows: int = 0
    rows: int = 0
    checks: int = 0
    failed_checks: int = 0
    error: str = ""
    remedy: str = ""
    error_class: str = ""


@dataclass(slots=True)
class Outcome:
    """How a run ended. `gates` are those that it judged, refusals first."""

    run_id: str
    success: bool
    seconds: float
    steps: list[StepState]
    gates: list[GateResult]


class Events:
    """Follows a run by its events and keeps the state of every step; calls `on_change` after each."""

    def __init__(self, on_change: Callable[[StepState], None]) -> None:
        self.steps: dict[str, StepState] = {}
        self._on_change = on_change

    def __call__(self, entry: Any) -> None:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        kind = event.event_type_value
        step = self.steps.get(event.step_key)
        if step is None:
            if kind not in {"STEP_START", "STEP_SKIPPED"}:
                return
            step = self.steps[event.step_key] = StepState(event.step_key)
        if kind == "STEP_RESTARTED":
            step.state = "running"
        elif kind == "STEP_SUCCESS":
            step.state, step.seconds = "done", time.monotonic() - step.began
        elif kind == "STEP_SKIPPED":
            step.state = "skipped"
        elif kind == "STEP_UP_FOR_RETRY":
            step.state = "retrying"
        elif kind == "STEP_FAILURE":
            self._failed(step, event.step_failure_data)
        elif kind == "ASSET_MATERIALIZATION":
            metadata = event.step_materialization_data.materialization.metadata
            step.relations += 1
            step.rows += _number(metadata.get("dagster/row_count"))
            step.new_rows += _number(metadata.get("new rows"))
        elif kind == "ASSET_CHECK_EVALUATION":
            step.checks += 1
            step.failed_checks += not event.event_specific_data.passed
        else:
            return
        self._on_change(step)

    def _failed(self, step: StepState, data: Any) -> None:
        step.state, step.seconds = "failed", time.monotonic() - step.began
        told = data.user_failure_data
        if told is not None:
            step.error = told.description or ""
            metadata = told.metadata
            step.remedy = str(metadata["what to do"].value) if "what to do" in metadata else ""
            step.error_class = str(metadata["error"].value).rpartition(".")[2] if "error" in metadata else ""
        elif data.error is not None:
            cause = data.error.cause or data.error
            step.error = cause.message.strip()


def execute(
    settings: Settings,
    on_change: Callable[[StepState], None],
    *,
    train: bool = True,
    full_refresh: bool = False,
    accept_shrink: bool = False,
) -> Outcome:
    """Runs the job `build` to its end; what failed is in the outcome.

    Raises ConflictError when another build is running.
    """
    from dagster import BetaWarning, PreviewWarning

    warnings.simplefilter("ignore", BetaWarning)
    warnings.simplefilter("ignore", PreviewWarning)
    # a test of what was left as it was has passed before: nothing to warn of, hundreds of times
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    from orchestration.build import build_defs
    from orchestration.defs.models import learning
    from orchestration.inbox import refuse_strays
    from orchestration.instance import PROCESS_TAG, clear_dead_runs, connected, open_instance, process_tag
    from orchestration.lib.dbt_assets import FULL_REFRESH
    from orchestration.lib.gates import ACCEPT_SHRINK

    _refuse_second_build(settings)
    began = time.monotonic()
    defs = build_defs(settings)
    refuse_strays(settings)
    run_id = str(uuid.uuid4())
    tags = {PROCESS_TAG: process_tag(run_id)}
    tags |= {FULL_REFRESH: "true"} if full_refresh else {}
    tags |= {ACCEPT_SHRINK: "true"} if accept_shrink else {}
    job, events = defs.resolve_job_def("build"), Events(on_change)
    with open_instance(settings, capture=False) as instance, connected(instance):
        clear_dead_runs(instance)
        instance.add_event_listener(run_id, events)
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            tags=tags,
            raise_on_error=False,
            asset_selection=None if train else _without(job, learning()),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        _reraise_interrupt(instance, run_id)
    steps = list(events.steps.values())
    return Outcome(run_id, result.success, time.monotonic() - began, steps, judged(settings, run_id))


def judged(settings: Settings, run_id: str) -> list[GateResult]:
    """The gates that a run has judged."""
    from warehouse.quality.record import recorded

    return recorded(settings, run_id)


def error_of(settings: Settings, outcome: Outcome) -> NexusError | None:
    """What to tell the caller of a run that failed, as the error of its kind; enters refused builds in the ledger."""
    if outcome.success:
        return None
    refused = [gate for gate in outcome.gates if not gate.passed]
    if refused:
        return _refusal(settings, outcome, refused)
    failed = [step for step in outcome.steps if step.state == "failed"]
    message = "; ".join(f"{step.key}: {step.error}" for step in failed) or "the run failed before its first step"
    kind = getattr(nexus.errors, failed[0].error_class, NexusError) if failed else NexusError
    remedy = failed[0].remedy if failed and failed[0].remedy else _look(settings, outcome.run_id)
    made: NexusError = kind(message, remedy=remedy)
    return made


def _refusal(settings: Settings, outcome: Outcome, refused: list[GateResult]) -> GateError:
    from warehouse.current import read_current
    from warehouse.quality.record import refuse

    refuse(settings, outcome.gates)
    serving = read_current(settings)
    told = "\n".join(f"  ✗ {gate.sentence()}" + _sample(gate) for gate in refused)
    reading = f"version {serving.version} goes on serving" if serving else "nothing is published yet"
    return GateError(
        f"{len(refused)} of {len(outcome.gates)} gates refuse this build; {reading}.\n{told}",
        remedy="`nexus gates --failed` shows the query behind each; correct the data or the model, then build again"
        + (
            "; a loss that is meant passes with `nexus build --accept-shrink`"
            if any(gate.gate == "volume" for gate in refused)
            else ""
        ),
    )


def _sample(gate: GateResult) -> str:
    if not gate.failing:
        return ""
    shown = ", ".join(f"{name}={value}" for name, value in list(gate.failing[0].items())[:6])
    return f"\n    for example {shown}"


def _look(settings: Settings, run_id: str) -> str:
    return f"the run with its traceback: http://{settings.inner_host}:{settings.dagster_port}/runs/{run_id}"


def _refuse_second_build(settings: Settings) -> None:
    from warehouse.publish import build_lock

    with build_lock(settings):
        return


def _without(job: Any, names: tuple[str, ...]) -> list[AssetKey]:
    selected = job.asset_layer.executable_asset_keys if hasattr(job.asset_layer, "executable_asset_keys") else set()
    return [key for key in selected if key.path[-1] not in names]


def _reraise_interrupt(instance: DagsterInstance, run_id: str) -> None:
    from dagster import DagsterRunStatus

    run = instance.get_run_by_id(run_id)
    if run is not None and run.status is DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt


def _number(value: Any) -> int:
    return int(value.value) if value is not None and isinstance(value.value, int) else 0
