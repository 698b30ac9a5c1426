"""Bodies of operations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id

OperationId = Annotated[str, path_id("op")]


class OperationError(BaseModel):
    """Why it failed."""

    code: str = Field(examples=["provider_failed"])
    detail: str = Field(examples=["the provider refused the request"])
    remedy: str | None = None


class OperationOut(BaseModel):
    """One piece of long work."""

    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("op")
    kind: str = Field(examples=["identity.export"])
    status: Literal["pending", "running", "succeeded", "failed", "cancelled"]
    progress: float | None = Field(default=None, ge=0, le=1, description="how much is done", examples=[0.5])
    note: str | None = Field(default=None, description="what is being done", examples=["120 of 240"])
    result: dict[str, Any] | None = None
    error: OperationError | None = None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
