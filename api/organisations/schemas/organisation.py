"""Bodies of the organisation, its workspaces, and the catalogue of permissions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id
from api.kernel.text import printable

#: How an organisation, a workspace, a role, a group or a key is called.
Name = Annotated[str, Field(min_length=1, max_length=100, examples=["Research"]), AfterValidator(printable)]
_SLUG = r"^[a-z][a-z0-9_-]{0,62}$"
Slug = Annotated[str, Field(pattern=_SLUG, examples=["demo"])]
OrganisationId = Annotated[str, path_id("org")]
WorkspaceId = Annotated[str, Path(pattern=_SLUG, examples=["demo"])]


class OrganisationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    is_sso_required: bool = Field(description="lets passwords open nothing here, but for break-glass members")
    is_mfa_required: bool | None = Field(
        default=None, description="lets nobody in who has shown no second factor; left out, it stays as it is"
    )


class CloseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    grace_days: int = Field(default=7, ge=0, le=90, description="days for which it can be opened again", examples=[7])


class WorkspaceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Slug
    name: Name


class WorkspaceNameIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name


class OrganisationOut(BaseModel):
    id: str = id_field("org")
    name: str = Field(examples=["Example Works"])
    is_sso_required: bool = Field(description="whether passwords open nothing here, but for break-glass members")
    is_mfa_required: bool = Field(description="whether nobody gets in who has shown no second factor")
    created_at: datetime
    version: int


class WorkspaceOut(BaseModel):
    """A workspace; its id is the `workspace_id` of the lake and of every mart."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["demo"])
    name: str = Field(examples=["Demo"])
    version: int


class PermissionOut(BaseModel):
    name: str = Field(examples=["models.predict"])
    description: str = Field(examples=["Score customers with a model"])
    scope: Literal["workspace", "organisation"] = Field(description="where a grant of it counts")
    roles: list[str] = Field(description="built-in roles that have it", examples=[["owner", "admin", "analyst"]])
