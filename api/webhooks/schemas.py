"""Bodies of webhooks, in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id, pattern
from api.kernel.text import printable
from nexus.egress.policy import LONGEST

EndpointId = Annotated[str, path_id("whk")]
DeliveryId = Annotated[str, path_id("dlv")]
#: Valid secrets of an endpoint: each is a signature in the header of every message.
MOST_SECRETS = 5
MOST_OVERLAP = 7 * 86400
Url = Annotated[
    str, Field(max_length=LONGEST, examples=["https://hooks.acme.example/nexus"], description="public, by https")
]
Text = Annotated[str, Field(max_length=200, examples=["Our order desk"])]
EventType = Annotated[
    str,
    Field(
        max_length=200,
        pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\.\*|[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)$",
        examples=["organisations.member.*"],
    ),
]
EventTypes = Annotated[
    list[EventType],
    Field(
        min_length=1,
        max_length=100,
        examples=[["organisations.member.*"]],
        description="`invoices.invoice.paid`, `invoices.invoice.*`, `invoices.*` or `*`; see /v1/webhooks/event-types",
    ),
]
Workspaces = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]],
    Field(max_length=100, description="only of these; empty: of the organisation and every workspace"),
]


def _description(text: str) -> str:
    return printable(text) if text else text


class EndpointIn(BaseModel):
    """Where to send what."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    event_types: EventTypes
    description: Annotated[Text, AfterValidator(_description)] = ""
    workspaces: Workspaces = []


class EndpointChange(BaseModel):
    """What is said changes; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Annotated[Text, AfterValidator(_description)] | None = None
    workspaces: Workspaces | None = None
    is_enabled: bool | None = Field(
        default=None, description="false: nothing is sent or kept for it; true: what waited goes on"
    )


class EndpointOut(BaseModel):
    """One endpoint, without its secrets."""

    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("whk")
    url: str = Field(examples=["https://hooks.acme.example/nexus"])
    description: str = Field(examples=["Our order desk"])
    event_types: list[str] = Field(examples=[["organisations.member.*"]])
    workspaces: list[str] = Field(examples=[[]])
    is_enabled: bool = Field(examples=[True])
    disabled_because: Literal["asked", "failing", "gone"] | None = Field(
        default=None, description="`failing`: nothing but failures for five days; `gone`: it answered 410"
    )
    disabled_at: datetime | None = None
    failing_since: datetime | None = Field(default=None, description="first failure since the last success")
    failures: int = Field(description="since the last success", examples=[0])
    succeeded_at: datetime | None = Field(default=None, description="exact to ten seconds")
    created_at: datetime
    updated_at: datetime


class EndpointMade(EndpointOut):
    secret: str = Field(description="what its messages are signed with: shown this once", examples=["whsec_…"])


class RotateIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_seconds: int = Field(
        default=86400,
        ge=0,
        le=MOST_OVERLAP,
        description="for so long messages are signed with the old secrets too, unless those end before",
    )


class SecretMade(BaseModel):
    secret: str = Field(description="shown this once", examples=["whsec_…"])
    others_end_at: datetime = Field(description="until then messages are signed with the old secrets too")


class SendIn(BaseModel):
    """What to send; without an event, a test: `webhooks.endpoint.tested`."""

    model_config = ConfigDict(extra="forbid")

    endpoint_id: str = id_field("whk")
    event_id: str | None = Field(
        default=None,
        pattern=pattern("evt"),
        description="an event of the past that the endpoint has not been sent, whatever its types",
    )


def _of_our_time(at: datetime) -> datetime:
    # the first and last days that a calendar has do not survive a change of zone
    if not 2000 <= at.year <= 2200:
        raise ValueError("must be between 2000 and 2200")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class RecoverIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: Annotated[datetime, AfterValidator(_of_our_time)] = Field(
        examples=["2026-01-31T12:00:00Z"], description="everything that was given up since then is sent again"
    )


class Recovered(BaseModel):
    deliveries: int = Field(description="how many are sent again", examples=[3])


class AttemptOut(BaseModel):
    """One request."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(examples=[1])
    started_at: datetime
    duration_ms: int | None = None
    status: int | None = Field(default=None, description="null: nobody answered", examples=[200])
    error: str | None = None
    response: str | None = Field(default=None, description="how the answer began")


class DeliveryOut(BaseModel):
    """One event for one endpoint."""

    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("dlv")
    endpoint_id: str = id_field("whk")
    event_id: str = Field(
        description="`webhook-id` of every attempt", examples=["evt_0192f0c4e3b27a1d9c31b8a1f2e6d7c4"]
    )
    event_type: str = Field(examples=["organisations.member.joined"])
    state: Literal["pending", "delivered", "failed"]
    attempts: int = Field(examples=[1])
    next_at: datetime | None = Field(default=None, description="when it is sent (again)")
    created_at: datetime
    finished_at: datetime | None = None


class DeliveryDetail(DeliveryOut):
    log: list[AttemptOut] = Field(description="the latest hundred attempts, oldest first")


class EventTypeOut(BaseModel):
    """A kind of event."""

    type: str = Field(examples=["organisations.member.joined"])
    version: int = Field(examples=[1])
    description: str = Field(examples=["Somebody has become a member"])
    data: dict[str, Any] = Field(
        description="JSON Schema of `data`",
        examples=[{"type": "object", "properties": {"member_id": {"type": "string"}}}],
    )
