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

    feature: str = Field(examples=["logins_30d"])
    value: float | None
    typical: float | None = Field(description="median over what the model learned from")
    contribution: float
    text: str = Field(examples=["fewer sign-ins than usual raise the score"])


class Prediction(BaseModel):
    customer_id: str = Field(examples=["cus_0001"])
    score: float = Field(ge=0, le=1, description="calibrated probability")
    event_timestamp: datetime = Field(description="moment that the features speak of (UTC)")
    reasons: list[ReasonOut]


class PredictAnswer(BaseModel):
    """Predictions in the order of the request, and what they rest on."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str = Field(examples=["churn"])
    model_version: str = Field(examples=["3"])
    model_role: Role = Field(description="`baseline`: no model has beaten it on the newest data")
    feature_service: str = Field(examples=["churn_v1"])
    warehouse_version: str = Field(
        description="published version that the features were made of", examples=["20260301T093000Z-4f7c"]
    )
    predictions: list[Prediction]


class ModelSummary(BaseModel):
    """A model, and who answers for this workspace."""

    name: str = Field(examples=["churn"])
    title: str = Field(examples=["Churn within 30 days"])
    feature_service: str = Field(examples=["churn_v1"])
    horizon_days: int
    trained: bool
    version: str | None = None
    role: Role | None = None


class ModelDetail(ModelSummary):
    """The same with where it comes from."""

    features: list[str] = Field(examples=[["logins_30d"]])
    dataset_sha256: str = Field(examples=["9f86d081884c7d65…"])
    warehouse_version: str = Field(
        description="published version that the model learned from", examples=["20260301T093000Z-4f7c"]
    )
    git_commit: str = Field(examples=["4f7c2a9"])
    run_id: str = Field(examples=["5e1f0c…"])
    card: str = Field(description="model card, Markdown", examples=["# Churn\n…"])


class ModelList(BaseModel):
    models: list[ModelSummary]
