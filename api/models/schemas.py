"""What goes in and out of the models' endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_CUSTOMERS = 1000
CustomerId = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Role = Literal["champion", "baseline"]


class PredictRequest(BaseModel):
    """Whom to predict for."""

    model_config = ConfigDict(extra="forbid")

    customer_ids: list[CustomerId] = Field(min_length=1, max_length=MOST_CUSTOMERS, examples=[["cus_0001"]])
    reasons: int = Field(default=3, ge=0, le=10, description="how many reasons for each score; 0 is fastest")


class ReasonOut(BaseModel):
    """One feature's part in a score. `contribution` is in log-odds: above 0 raises the score."""

    feature: str
    value: float | None
    typical: float | None = Field(description="median over what the model learned from")
    contribution: float
    text: str


class Prediction(BaseModel):
    customer_id: str
    score: float = Field(ge=0, le=1, description="calibrated probability")
    event_timestamp: datetime = Field(description="moment that the features speak of (UTC)")
    reasons: list[ReasonOut]


class PredictAnswer(BaseModel):
    """Predictions in the order of the request, and what they rest on."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    model_role: Role = Field(description="`baseline`: no model has beaten it on the newest data")
    feature_service: str
    warehouse_version: str = Field(description="published version that the features were made of")
    predictions: list[Prediction]


class ModelSummary(BaseModel):
    """A model, and who answers for this workspace."""

    name: str
    title: str
    feature_service: str
    horizon_days: int
    trained: bool
    version: str | None = None
    role: Role | None = None


class ModelDetail(ModelSummary):
    """The same with where it comes from."""

    features: list[str]
    dataset_sha256: str
    warehouse_version: str = Field(description="published version that the model learned from")
    git_commit: str
    run_id: str
    card: str = Field(description="model card, Markdown")


class ModelList(BaseModel):
    models: list[ModelSummary]
