"""Entries as they are read and exported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.kernel.ids import example as _example


class ChangeOut(BaseModel):
    """A row that was written. Secrets and what is personal are told by name only."""

    table: str = Field(examples=["organisations_group"])
    did: str = Field(examples=["changed"], description="created, changed or removed")
    key: str = Field(description="of the row; empty where one statement wrote several", examples=[_example("grp")])
    before: dict[str, Any] = Field(default_factory=dict, examples=[{"name": "Research"}])
    after: dict[str, Any] = Field(default_factory=dict, examples=[{"name": "Development"}])


class ToldOut(BaseModel):
    """An event that was recorded with it."""

    id: str = Field(examples=[_example("evt")])
    type: str = Field(examples=["organisations.group.changed"])
    subject: str = Field(examples=[_example("grp")])
    data: dict[str, Any] = Field(default_factory=dict, examples=[{"group_id": _example("grp")}])


class EntryOut(BaseModel):
    """One administrative act."""

    number: int = Field(description="counts the organisation's entries, from 1, without gaps", examples=[57])
    id: str = Field(examples=[_example("aud")])
    occurred_at: datetime = Field(examples=["2026-11-27T12:00:00Z"])
    actor_kind: str = Field(examples=["user"], description="user, api_key, service, local (whoever has this machine)")
    actor_id: str = Field(examples=[_example("usr")])
    person_id: str | None = Field(default=None, description="the user behind a key", examples=[_example("usr")])
    action: str = Field(examples=["PUT /v1/groups/{group_id}"])
    permission: str | None = Field(default=None, examples=["organisations.groups"])
    target: str | None = Field(
        default=None, description="path of the request", examples=["/v1/groups/" + _example("grp")]
    )
    address: str | None = Field(default=None, examples=["203.0.113.7"])
    reason: str | None = Field(default=None, description="what was sent as X-Nexus-Reason", examples=["ticket 4711"])
    trace_id: str | None = Field(default=None, examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    changes: list[ChangeOut]
    events: list[ToldOut]
    left_out: int = Field(
        default=0, examples=[0], description="changes and events beyond those that one entry has room for"
    )
    hash: str = Field(
        description="SHA-256 over the hash before, the number and the body; hexadecimal", examples=["9f86d081" * 8]
    )
    previous_hash: str = Field(examples=["00" * 32])
