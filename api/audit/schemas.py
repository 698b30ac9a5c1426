"""Entries as they are read and exported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class ChangeOut(BaseModel):
    """A row that was written. Secrets and what is personal are told by name only."""

    table: str = Field(examples=["organisations_group"])
    did: str = Field(examples=["changed"], description="created, changed or removed")
    key: str = Field(description="of the row; empty where one statement wrote several")
    before: dict[str, Any] = Field(default_factory=dict, examples=[{"name": "Research"}])
    after: dict[str, Any] = Field(default_factory=dict, examples=[{"name": "Development"}])


class ToldOut(BaseModel):
    """An event that was recorded with it."""

    id: str
    type: str = Field(examples=["organisations.group.changed"])
    subject: str
    data: dict[str, Any] = Field(default_factory=dict)


class EntryOut(BaseModel):
    """One administrative act."""

    number: int = Field(description="counts the organisation's entries, from 1, without gaps", examples=[57])
    id: str
    occurred_at: datetime
    actor_kind: str = Field(examples=["user"], description="user, api_key, service, local (whoever has this machine)")
    actor_id: str
    person_id: str | None = Field(default=None, description="the user behind a key")
    action: str = Field(examples=["PUT /v1/groups/{group_id}"])
    permission: str | None = Field(default=None, examples=["organisations.groups"])
    target: str | None = Field(default=None, description="path of the request")
    address: str | None = Field(default=None, examples=["203.0.113.7"])
    reason: str | None = Field(default=None, description="what was sent as X-Nexus-Reason")
    trace_id: str | None = None
    changes: list[ChangeOut]
    events: list[ToldOut]
    left_out: int = Field(default=0, description="changes and events beyond those that one entry has room for")
    hash: str = Field(description="SHA-256 over the hash before, the number and the body; hexadecimal")
    previous_hash: str
