"""Body of `/v1/me`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

PERMISSIONS = Field(description="names of the catalogue, sorted", examples=[["models.read"]])


class MyWorkspaceOut(BaseModel):
    """A workspace that the credential carries, and what it may do there."""

    id: str = Field(examples=["demo"])
    name: str = Field(examples=["Demo"])
    permissions: list[str] = PERMISSIONS


class MeOut(BaseModel):
    """Whose credential asked, and what it lets its bearer do now."""

    id: str = Field(examples=["usr_0192f0c4e3b27a1d9c31b8a1f2e6d7c4"])
    kind: Literal["user", "service", "api_key", "local"]
    organisation_id: str = Field(examples=["org_0192f0c4e3b27a1d9c31b8a1f2e6d7c4"])
    permissions: list[str] = Field(
        description="those that count in the organisation, sorted", examples=[["organisations.read"]]
    )
    workspaces: list[MyWorkspaceOut]
