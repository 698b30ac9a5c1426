"""What happens to @@{words}s, as readers of the event log learn of it."""

from __future__ import annotations

from nexus.events import Event


class @@{Entity}Created(
    Event,
    type="@@name.@@entity.created",
):
    @@{entity}_id: str
    title: str


class @@{Entity}Changed(
    Event,
    type="@@name.@@entity.changed",
):
    @@{entity}_id: str
    title: str


class @@{Entity}Removed(
    Event,
    type="@@name.@@entity.removed",
):
    @@{entity}_id: str
