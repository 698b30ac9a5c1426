"""Bodies about who may do what: roles as they are given, members, groups, custom roles, service accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id, pattern
from api.kernel.text import printable
from api.organisations.conditions import EXAMPLE, LONGEST
from api.organisations.schemas.organisation import Name

MemberId = Annotated[str, path_id("mem")]
RoleId = Annotated[str, path_id("role")]
GroupId = Annotated[str, path_id("grp")]
AccountId = Annotated[str, path_id("sva")]
Description = Annotated[str, Field(max_length=500), AfterValidator(lambda text: printable(text) if text else text)]
Scope = Annotated[
    str, Field(pattern=r"^(\*|[a-z][a-z0-9_-]{0,62})$", examples=["demo"], description="a workspace, or `*` for all")
]
Role = Annotated[
    str,
    Field(
        pattern=rf"^(owner|admin|analyst|viewer)$|{pattern('role')}",
        examples=["analyst"],
        description="a built-in role, or the id of one of your own",
    ),
]
_STRICT = ConfigDict(extra="forbid")


class RoleGivenIn(BaseModel):
    """A role, where it counts, and under which condition."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    role: Role
    scope: Scope
    condition: str | None = Field(
        default=None, max_length=LONGEST, examples=[EXAMPLE], description="an expression of Cedar (docs/access.md)"
    )


class RolesIn(BaseModel):
    """All roles that somebody is to have: what is not here is taken away."""

    model_config = _STRICT

    roles: list[RoleGivenIn] = Field(max_length=200)


class MemberIn(BaseModel):
    model_config = _STRICT

    status: Literal["active", "suspended"]
    is_break_glass: bool = Field(default=False, description="may sign in with a password though SSO is required")


class MemberOut(BaseModel):
    id: str = id_field("mem")
    user_id: str = id_field("usr")
    status: Literal["active", "suspended"]
    is_break_glass: bool
    roles: list[RoleGivenIn]
    created_at: datetime
    version: int


class RoleIn(BaseModel):
    model_config = _STRICT

    name: Name
    description: Description = ""
    permissions: list[Annotated[str, Field(max_length=100, examples=["models.read"])]] = Field(max_length=500)


class RoleOut(BaseModel):
    """A role; built-in ones have a name for an id, and no version."""

    id: str = Field(examples=["analyst"])
    name: str = Field(examples=["Analyst"])
    description: str = Field(examples=["Reads and predicts"])
    permissions: list[str] = Field(description="`*` is everything", examples=[["models.read", "models.predict"]])
    is_built_in: bool
    version: int | None = None


class GroupIn(BaseModel):
    model_config = _STRICT

    name: Name
    description: Description = ""


class MembersIn(BaseModel):
    """All members that the group is to have."""

    model_config = _STRICT

    member_ids: list[Annotated[str, Field(pattern=pattern("mem"))]] = Field(max_length=1000)


class GroupOut(BaseModel):
    id: str = id_field("grp")
    name: str = Field(examples=["Research"])
    description: str = Field(examples=["Whoever works on models"])
    member_ids: list[Annotated[str, Field(pattern=pattern("mem"))]]
    roles: list[RoleGivenIn]
    version: int


class AccountIn(BaseModel):
    model_config = _STRICT

    name: Name
    description: Description = ""
    is_disabled: bool = Field(default=False, description="its keys open nothing while it is")


class AccountOut(BaseModel):
    id: str = id_field("sva")
    name: str = Field(examples=["Nightly report"])
    description: str = Field(examples=["Reads what the report needs"])
    is_disabled: bool
    roles: list[RoleGivenIn]
    version: int
