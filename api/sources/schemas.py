"""The one answer of a webhook."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Landed(BaseModel):
    """What became of the events: read = landed + duplicate + quarantined."""

    read: int = Field(examples=[3])
    landed: int = Field(examples=[2])
    duplicate: int = Field(description="known already, by the provider's id", examples=[1])
    quarantined: int = Field(description="kept apart, because they break their contract", examples=[0])
