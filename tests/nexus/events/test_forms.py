"""A released form of an event is changed only in ways that its readers survive."""

from __future__ import annotations

from typing import Any

import pytest

from nexus.events import Event
from nexus.events.forms import broken, compared, differences, form


def test_the_forms_of_every_slice_are_those_that_were_released() -> None:
    assert compared() == []


def made(version: int = 1, **fields: Any) -> type[Event]:
    """A class of events with these fields, each (type, default); `...` for none."""
    body: dict[str, Any] = {name: default for name, (_, default) in fields.items() if default is not ...}
    body["__annotations__"] = {"thing_id": str, **{name: kind for name, (kind, _) in fields.items()}}
    body["__module__"] = __name__
    body["upcasters"] = dict.fromkeys(range(1, version), dict)
    return type("Happened", (Event,), body, type="forms.thing.happened", version=version)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "field size is gone"),
        ({"size": (str, ...)}, "field size was"),
        ({"size": (int, ...), "colour": (str, ...)}, "field colour is new and required"),
        ({"size": (int, ...), "colour": (str, "red")}, None),
    ],
)
def test_what_old_readers_would_not_survive(fields: dict[str, Any], message: str | None) -> None:
    before = form(made(size=(int, ...)))
    found = broken(before, form(made(**fields)))
    assert (found == []) if message is None else any(message in line for line in found)


def test_a_form_that_became_required() -> None:
    assert broken(form(made(size=(int, 1))), form(made(size=(int, ...)))) == ["field size has become required"]


def test_a_new_version_with_an_upcaster_is_the_way() -> None:
    released = {"forms.thing.happened": {"1": form(made(size=(int, ...)))}}
    changed = made(size=(str, ...))
    assert "raise its version" in differences(released, {changed.type: changed}, "here")[0]
    raised = made(version=2, size=(str, ...))
    assert differences(released, {raised.type: raised}, "here") == [
        "here: the form of forms.thing.happened version 2 is not noted: `nexus events accept`"
    ]
    released["forms.thing.happened"]["2"] = form(raised)
    assert differences(released, {raised.type: raised}, "here") == []
    assert "is gone" in differences(released, {}, "here")[0]
