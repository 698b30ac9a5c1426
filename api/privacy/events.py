"""What was done with a person's data, as readers of the event log learn of it. Who keeps anything of them elsewhere, erases it on `erased`."""

from __future__ import annotations

from typing import Annotated

from nexus.events import Event
from nexus.personal import Personal


class PersonExported(Event, type="privacy.person.exported"):
    """`reason` may name the person, so it is sealed under their key."""

    person_id: str
    actor_id: str
    reason: Annotated[str, Personal("person_id")]


class PersonErased(Event, type="privacy.person.erased"):
    person_id: str
    erasure_id: str
    actor_id: str
