"""Bodies of exports and erasures."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import example, id_field
from api.kernel.text import printable


class WhyIn(BaseModel):
    """Why it is done; kept with it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500, examples=["request of 27 November"]), AfterValidator(printable)]


class PersonOut(BaseModel):
    """Everything that is held of a person."""

    person_id: str = Field(examples=[example("usr")])
    exported_at: datetime = Field(examples=["2026-11-27T12:00:00Z"])
    tables: dict[str, list[dict[str, Any]]] = Field(
        description="table → rows", examples=[{"identity_user": [{"id": example("usr"), "name": "Ada Example"}]}]
    )
    events: list[dict[str, Any]] = Field(
        description="what the event log tells of them", examples=[[{"type": "identity.user.created"}]]
    )


class ErasureOut(BaseModel):
    """What an erasure removed."""

    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("ers")
    user_id: str = Field(examples=[example("usr")])
    done_at: datetime = Field(examples=["2026-11-27T12:00:00Z"])
    rows: dict[str, int] = Field(description="table → rows removed", examples=[{"identity_user": 1}])
