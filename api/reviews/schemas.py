"""Reviews as they are read, and policies that are tried over what was done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import example, path_id
from api.kernel.permissions import catalogue
from api.organisations.schemas.access import RoleGivenIn

Kind = Literal["member", "service_account"]
Days = Annotated[int, Field(ge=1, le=100)]


def _declared(name: str) -> str:
    if name not in catalogue():
        raise ValueError("is no permission")
    return name


class GrantedOut(BaseModel):
    """A permission that somebody has, and whether they used it. `used_in` shows where one that counts everywhere was needed."""

    permission: str = Field(examples=["models.read"])
    scope: str = Field(examples=["*"], description="a workspace, or `*`")
    uses: int = Field(examples=[412], description="requests that it let through")
    last_used_at: datetime | None = Field(default=None, examples=["2026-11-27T12:00:00Z"])
    used_in: list[str] = Field(default=[], examples=[["research"]])


class ReviewOut(BaseModel):
    """Of one member or service account."""

    id: str = Field(examples=[example("mem")])
    kind: Kind = Field(examples=["member"])
    user_id: str | None = Field(default=None, examples=[example("usr")])
    is_active: bool = Field(examples=[True])
    roles: list[RoleGivenIn] = Field(description="given to it directly or through its groups")
    unused: int = Field(examples=[17], description="how many of `granted` it has not used")
    granted: list[GrantedOut] = Field(description="what its roles give, every condition fulfilled")


class MemberTriedIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    member_id: Annotated[str, path_id("mem")]
    roles: list[RoleGivenIn] = Field(max_length=200, description="all that it would have, besides those of its groups")


class RoleTriedIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role_id: Annotated[str, path_id("role")]
    permissions: list[Annotated[str, AfterValidator(_declared)]] = Field(max_length=500, examples=[["models.read"]])


class ReplayIn(BaseModel):
    """A policy that would be tighter."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"members": [{"member_id": example("mem"), "roles": []}], "days": 90}]},
    )

    members: list[MemberTriedIn] = Field(default=[], max_length=50)
    roles: list[RoleTriedIn] = Field(default=[], max_length=50, description="roles of your own, with other permissions")
    days: Days = 90


class RefusedOut(BaseModel):
    subject_id: str = Field(examples=[example("usr")], description="a user or a service account")
    permission: str = Field(examples=["models.predict"])
    scope: str = Field(examples=["research"])
    uses: int = Field(examples=[12])
    last_used_at: datetime = Field(examples=["2026-11-27T12:00:00Z"])


class ReplayOut(BaseModel):
    """What the policy would have refused of what is allowed today."""

    requests: int = Field(examples=[41_230], description="all that were made with a permission")
    refused: int = Field(examples=[12], description="of them, those that would not be let through")
    uses: list[RefusedOut] = Field(description="those, by subject, permission and place")
