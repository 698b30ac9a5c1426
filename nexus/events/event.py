"""Events as typed classes: name, version and subject of each, and how an older form becomes the newest.

Belongs here: the base class, the register, what is noted with an event (CloudEvents 1.0). Does not belong here: SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from nexus import slices
from nexus.errors import ContractError
from nexus.ids import new_id
from nexus.personal.fields import personal_fields
from nexus.telemetry import context
from nexus.tenancy import Tenant

_TYPE = re.compile(r"(?P<domain>[a-z][a-z0-9_]*)\.(?P<entity>[a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*")
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
_register: dict[str, type[Event]] = {}


class Event(BaseModel):
    """Something that happened to one entity; fields are its data, in the words of its slice.

        class NoteCreated(Event, type="notes.note.created", version=1):
            note_id: str

    `type` is `<domain>.<entity>.<happened>` and the class has a field `<entity>_id`: the entity's events are one stream,
    `<entity>/<id>`, numbered from 1. A change that readers of the old form would not understand raises `version` and adds
    to `upcasters` how data of each older version becomes that of the next (docs/events.md).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: ClassVar[str]
    version: ClassVar[int]
    upcasters: ClassVar[Mapping[int, Upcaster]] = {}

    def __init_subclass__(cls, **_: Any) -> None:
        # the arguments are for pydantic's hook below, which runs once the fields are known
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, *, type: str = "", version: int = 1, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        match = _TYPE.fullmatch(type)
        if match is None:
            raise TypeError(f"{cls.__name__}: type {type!r} is not <domain>.<entity>.<happened>")
        if f"{match['entity']}_id" not in cls.model_fields:
            raise TypeError(f"{cls.__name__}: an event of {type!r} needs a field {match['entity']}_id")
        missing = [v for v in range(1, version) if v not in cls.upcasters]
        if missing:
            raise TypeError(f"{cls.__name__}: version {version} needs upcasters from {missing}")
        cls.type, cls.version = type, version
        known = _register.setdefault(type, cls)
        if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
            raise TypeError(f"{cls.__name__}: {known.__module__}.{known.__name__} has the type {type!r} already")
        _register[type] = cls

    @property
    def subject(self) -> str:
        """Id of the entity that it happened to."""
        entity = self.type.split(".")[1]
        return str(getattr(self, f"{entity}_id"))

    @property
    def stream(self) -> str:
        return f"{self.type.split('.')[1]}/{self.subject}"


def known() -> dict[str, type[Event]]:
    """Type → class, of every slice."""
    slices.modules("events")
    return dict(sorted(_register.items()))


def load(type: str, version: int, data: Mapping[str, Any]) -> Event:
    """The event of stored data, brought to the newest version. Raises ContractError for a type or version unknown here."""
    if type not in _register:
        slices.modules("events")
    cls = _register.get(type)
    if cls is None:
        raise ContractError(
            f"no slice knows events of type {type!r}", remedy="has a slice been removed? its consumers too"
        )
    if version > cls.version:
        raise ContractError(
            f"an event {type!r} has version {version}, and this process knows {cls.version}",
            remedy="a newer Nexus wrote it: start this process anew from the same release",
        )
    values = dict(data)
    for step in range(version, cls.version):
        values = cls.upcasters[step](values)
    return cls.model_validate(values)


@dataclass(frozen=True, slots=True)
class Recording:
    """An event on its way into the log: its data and everything that is noted with it."""

    id: str
    type: str
    source: str
    subject: str
    stream: str
    time: str
    schemaver: int
    organisation_id: str
    workspace_id: str | None
    traceparent: str | None
    correlation_id: str
    causation_id: str | None
    expected_version: int | None
    data: dict[str, Any]
    #: field of `data` → person under whose key it is sealed before it is written
    personal: dict[str, str]

    @classmethod
    def of(
        cls, happened: Event, tenant: Tenant, *, expected_version: int | None = None, causation: str | None = None
    ) -> Recording:
        now = context.current()
        id = new_id("evt")
        causation = causation or (now.causation if now else None)
        return cls(
            id=id,
            type=happened.type,
            source=f"/{happened.type.split('.')[0]}",
            subject=happened.subject,
            stream=happened.stream,
            time=datetime.now(UTC).isoformat(timespec="microseconds"),
            schemaver=happened.version,
            organisation_id=tenant.organisation,
            workspace_id=tenant.workspace,
            traceparent=now.traceparent if now else None,
            correlation_id=(now.correlation if now else None) or causation or id,
            causation_id=causation,
            expected_version=expected_version,
            data=happened.model_dump(mode="json"),
            personal={
                name: str(whose)
                for name, field in personal_fields(type(happened)).items()
                if (whose := getattr(happened, field)) is not None
            },
        )

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _VALUES}


_VALUES = tuple(field.name for field in fields(Recording) if field.name != "personal")
