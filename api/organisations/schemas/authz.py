"""Bodies of `authz:check`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, pattern
from api.organisations.schemas.organisation import Slug

MOST = 100
_Text = Annotated[str, Field(max_length=500)]
#: An attribute as a condition reads it. Cedar has whole numbers of 64 bits and no fractions.
Value = bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | _Text | Annotated[list[_Text], Field(max_length=100)]
Attributes = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")], Value],
    Field(max_length=50, examples=[{"owner": "usr_0192f0c4e3b27a1d9c31b8a1f2e6d7c4", "amount_minor": 120000}]),
]


class CheckIn(BaseModel):
    """May the subject do this there?"""

    model_config = ConfigDict(extra="forbid")

    user_id: str | None = Field(default=None, pattern=pattern("usr"), description="who; oneself without it")
    service_account_id: str | None = Field(default=None, pattern=pattern("sva"))
    permission: str = Field(max_length=100, examples=["models.predict"])
    workspace: Slug | None = Field(default=None, description="where; without it, in the organisation")
    resource: Attributes = Field(default_factory=dict, description="attributes of what it is done to: `resource.…`")
    context: Attributes = Field(
        default_factory=dict,
        description="attributes of the request: `context.…`. `methods` (a list) and `address` are those of the subject's",
    )


class ChecksIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    checks: list[CheckIn] = Field(min_length=1, max_length=MOST)


class ReasonOut(BaseModel):
    """One way by which the subject has the permission, or would have it."""

    model_config = ConfigDict(from_attributes=True)

    assignment_id: str = id_field("asg")
    role: str = Field(examples=["analyst"])
    role_name: str = Field(examples=["analyst"])
    scope: str = Field(examples=["demo"])
    group_id: str | None = None
    group_name: str | None = None
    condition: str | None = None


class DecisionOut(BaseModel):
    allowed: bool
    because: list[ReasonOut] = Field(description="what allows it; or what would, if its condition were fulfilled")
    by_membership: bool = Field(description="everybody may who belongs to the organisation")
    missing: str | None = Field(default=None, description="why not", examples=["no role has it"])


class DecisionsOut(BaseModel):
    results: list[DecisionOut] = Field(description="in the order of the checks")


def listed(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
