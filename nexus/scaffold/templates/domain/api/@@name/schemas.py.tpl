"""Bodies of @@title, in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id
from api.kernel.text import printable

@@{Entity}Id = Annotated[str, path_id("@@entity")]
Title = Annotated[
    str,
    Field(min_length=1, max_length=200, examples=["A first @@words"]),
    AfterValidator(printable),
]


class @@{Entity}In(BaseModel):
    """What the caller says of a @@words."""

    model_config = ConfigDict(extra="forbid")

    title: Title


class @@{Entity}Out(BaseModel):
    """One @@words."""

    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("@@entity")
    title: str = Field(examples=["A first @@words"])
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    updated_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
