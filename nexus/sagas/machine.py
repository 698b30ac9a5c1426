"""The states of a saga, as pure functions: what comes next, and what an outcome or an operator makes of it.

Belongs here: transitions. Does not belong here: calls, tables, time.

    running ──▶ succeeded                     every step is done or skipped
       │ └────▶ stuck ◀──┐                    after a final step there is no way back, so it waits for an operator
       ▼                 │
    compensating ────────┤                    a compensation that keeps failing
       │                 │
       ▼                 └──▶ abandoned       the operator gives it up; retry and skip lead back to where it was
    compensated
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

State = Literal["running", "compensating", "stuck", "succeeded", "compensated", "abandoned"]
#: `unsure`: it failed outside the database, where it may have happened all the same. `kept`: done, and nothing undoes it.
StepState = Literal["pending", "done", "unsure", "failed", "undone", "kept", "skipped"]
ENDED = frozenset({"succeeded", "compensated", "abandoned"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What the machine has to know of a step."""

    has_compensation: bool = True
    is_outside: bool = False
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a saga is. `is_back` says in which direction it goes, also while it is stuck."""

    state: State
    is_back: bool
    steps: tuple[StepState, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be called next: the action of the step at `index`, or its compensation."""

    index: int
    is_compensation: bool


def begin(shapes: Sequence[Shape]) -> Progress:
    pending: StepState = "pending"
    return Progress("running", False, (pending,) * len(shapes))


def following(progress: Progress, shapes: Sequence[Shape]) -> Call | None:
    """None once it has ended or is stuck."""
    if progress.state == "running":
        return Call(progress.steps.index("pending"), False)
    if progress.state == "compensating":
        return Call(max(_to_undo(progress, shapes)), True)
    return None


def succeeded(progress: Progress, shapes: Sequence[Shape], call: Call) -> Progress:
    """The call has been made and answered."""
    return _onward(_with(progress, call.index, "undone" if call.is_compensation else "done"), shapes)


def failed(progress: Progress, shapes: Sequence[Shape], call: Call) -> Progress:
    """The call has failed for good."""
    if call.is_compensation:
        return replace(progress, state="stuck")
    if _is_beyond(progress, shapes):
        return replace(progress, state="stuck")
    outcome: StepState = "unsure" if shapes[call.index].is_outside else "failed"
    return _onward(replace(_with(progress, call.index, outcome), state="compensating", is_back=True), shapes)


def can_turn(progress: Progress, shapes: Sequence[Shape]) -> bool:
    """Whether it still goes forward, and could go back."""
    return progress.state == "running" and not _is_beyond(progress, shapes)


def turn(progress: Progress, shapes: Sequence[Shape]) -> Progress:
    """It is no longer wanted: what was done is undone. Raises ValueError if it cannot turn."""
    if not can_turn(progress, shapes):
        raise ValueError(f"it is {progress.state}, and cannot be turned back")
    return _onward(replace(progress, state="compensating", is_back=True), shapes)


def retry(progress: Progress) -> Progress:
    """An operator has mended what kept the call from succeeding. Raises ValueError unless it is stuck."""
    _must_be_stuck(progress)
    return replace(progress, state="compensating" if progress.is_back else "running")


def skip(progress: Progress, shapes: Sequence[Shape]) -> Progress:
    """An operator has done by hand what the call could not, or it need not be done. Raises ValueError unless it is stuck."""
    again = retry(progress)
    call = following(again, shapes)
    assert call is not None
    return _onward(_with(again, call.index, "skipped"), shapes)


def abandon(progress: Progress) -> Progress:
    """An operator leaves it as it is. Raises ValueError unless it is stuck."""
    _must_be_stuck(progress)
    return replace(progress, state="abandoned")


def stuck_at(progress: Progress, shapes: Sequence[Shape]) -> Call | None:
    """The call that it is stuck at."""
    return following(retry(progress), shapes) if progress.state == "stuck" else None


def _is_beyond(progress: Progress, shapes: Sequence[Shape]) -> bool:
    return any(shapes[i].is_final and state == "done" for i, state in enumerate(progress.steps))


def _onward(progress: Progress, shapes: Sequence[Shape]) -> Progress:
    """The same, ended if nothing is left to call."""
    if progress.is_back and not _to_undo(progress, shapes):
        kept = tuple("kept" if s == "done" else s for s in progress.steps)
        return replace(progress, state="compensated", steps=kept)
    if not progress.is_back and "pending" not in progress.steps:
        return replace(progress, state="succeeded")
    return progress


def _to_undo(progress: Progress, shapes: Sequence[Shape]) -> list[int]:
    return [
        i for i, state in enumerate(progress.steps) if state in {"done", "unsure"} and shapes[i].has_compensation
    ]  # fmt: skip


def _with(progress: Progress, index: int, state: StepState) -> Progress:
    return replace(progress, steps=(*progress.steps[:index], state, *progress.steps[index + 1 :]))


def _must_be_stuck(progress: Progress) -> None:
    if progress.state != "stuck":
        raise ValueError(f"it is {progress.state}, not stuck")
