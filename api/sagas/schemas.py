"""Bodies of sagas. Arguments and results of steps are not shown: they may be about persons."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id
from api.kernel.text import printable

SagaId = Annotated[str, path_id("sag")]
SagaState = Literal["running", "compensating", "stuck", "succeeded", "compensated", "abandoned"]


class MendIn(BaseModel):
    """Why; kept in the event that tells of it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, Field(max_length=500, examples=["the other system has been mended"]), AfterValidator(printable)
    ]


class AttemptOut(BaseModel):
    """One call. Without `finished_at` it goes on, or its worker died."""

    model_config = ConfigDict(from_attributes=True)

    is_compensation: bool
    number: int = Field(examples=[1], description="counts anew when an operator lets it go on")
    started_at: datetime
    finished_at: datetime | None = None
    error: str | None = None
    trace_id: str | None = Field(default=None, description="for GET /v1/traces/{trace_id}")


class StepOut(BaseModel):
    name: str = Field(examples=["revoke_keys"])
    state: Literal["pending", "done", "unsure", "failed", "undone", "kept", "skipped"] = Field(
        description="unsure: it failed where it may have happened all the same; kept: done, and nothing undoes it"
    )
    attempts: list[AttemptOut]


class SagaOut(BaseModel):
    """A saga, without its steps."""

    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("sag")
    name: str = Field(examples=["organisations.close"])
    workspace_id: str | None = Field(default=None, description="null: of the organisation")
    state: SagaState
    created_by: str = Field(examples=["usr_0192f0c4e3b27a1d9c31b8a1f2e6d7c4"])
    trace_id: str | None = None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    version: int = Field(examples=[1])


class SagaHistoryOut(SagaOut):
    """A saga with every attempt at every step."""

    steps: list[StepOut]
