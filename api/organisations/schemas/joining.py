"""Bodies of invitations and domains."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id
from api.organisations.schemas.access import RoleGivenIn

InvitationId = Annotated[str, path_id("ivt")]
DomainId = Annotated[str, path_id("dom")]
Email = Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.com"])]


class InvitationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    roles: list[RoleGivenIn] = Field(max_length=50)
    expires_in_hours: int = Field(default=168, ge=1, le=720)


class InvitationOut(BaseModel):
    id: str = id_field("ivt")
    email: str = Field(examples=["new@example.com"])
    roles: list[RoleGivenIn]
    status: Literal["open", "accepted", "revoked", "expired"]
    invited_by: str = Field(examples=["usr_019531c0a2b47c3d8e9f0a1b2c3d4e5f"])
    created_at: datetime
    expires_at: datetime


class NewInvitationOut(InvitationOut):
    token: str = Field(
        description="for the invited person alone: shown this once, kept by nobody, good for one use",
        examples=["ivt_4yV…"],
    )


class AcceptIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=200, examples=["ivt_4yV…"])


class AcceptedOut(BaseModel):
    organisation_id: str = id_field("org")
    member_id: str = id_field("mem")


class DomainIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=3, max_length=253, examples=["example.com"])


class DomainOut(BaseModel):
    id: str = id_field("dom")
    name: str = Field(examples=["example.com"])
    record_name: str = Field(description="where DNS is to have a TXT record", examples=["_nexus.example.com"])
    record_value: str = Field(description="what the record is to say", examples=["nexus-domain=4f…"])
    verified_at: datetime | None = None
    checked_at: datetime | None = Field(default=None, description="when DNS was last asked")
    version: int
