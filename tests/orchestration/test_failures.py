"""Only what can help is tried again."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
from dagster import DagsterEventType, asset, materialize

from nexus.errors import ConflictError, GateError, InputError, MachineError, NexusError
from orchestration.lib import failures
from orchestration.lib.failures import translated


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_FIRST_PAUSE", 0.0)


def _run(raises: Callable[[int], Exception | None]):  # type: ignore[no-untyped-def]
    attempts: list[int] = []

    @asset
    def thing(context) -> None:  # type: ignore[no-untyped-def]
        attempts.append(context.retry_number)
        with translated(context.retry_number):
            if error := raises(context.retry_number):
                raise error

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return materialize([thing], raise_on_error=False), attempts


@pytest.mark.parametrize("error", [MachineError("disk"), ConflictError("held")])
def test_a_transient_error_is_tried_again(error: NexusError) -> None:
    result, attempts = _run(lambda attempt: error if attempt == 0 else None)
    assert result.success
    assert attempts == [0, 1]


def test_patience_ends() -> None:
    result, attempts = _run(lambda _: MachineError("disk", remedy="buy one"))
    assert not result.success
    assert attempts == list(range(failures.RETRIES + 1))


@pytest.mark.parametrize("error", [InputError("no"), GateError("refused")])
def test_a_permanent_error_is_not(error: NexusError) -> None:
    result, attempts = _run(lambda _: error)
    assert not result.success
    assert attempts == [0]


def test_a_fault_of_the_program_is_not() -> None:
    result, attempts = _run(lambda _: ZeroDivisionError("oops"))
    assert not result.success
    assert attempts == [0]


def test_what_to_do_reaches_the_page() -> None:
    result, _ = _run(lambda _: InputError("no such file", remedy="name one that exists"))
    (event,) = [e for e in result.all_events if e.event_type is DagsterEventType.STEP_FAILURE]
    told = event.step_failure_data.user_failure_data
    assert told is not None
    assert told.description == "no such file"
    assert told.metadata["what to do"].value == "name one that exists"
    assert told.metadata["error"].value == "nexus.errors.InputError"
