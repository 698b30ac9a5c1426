"""Bodies of telemetry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class SpanOut(BaseModel):
    """One piece of work."""

    model_config = ConfigDict(from_attributes=True)

    span_id: str = Field(examples=["b7ad6b7169203331"])
    parent_id: str | None = None
    name: str = Field(examples=["POST /v1/invoices"])
    kind: str = Field(examples=["server"])
    service: str = Field(examples=["api"])
    started_at: datetime
    duration_ms: float = Field(examples=[12.5])
    is_error: bool
    attributes: dict[str, Any]


class TraceOut(BaseModel):
    """What a request set off, as far as it is kept."""

    trace_id: str = Field(examples=["0af7651916cd43dd8448eb211c80319c"])
    spans: list[SpanOut]
