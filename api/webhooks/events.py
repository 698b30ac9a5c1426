"""What happens to webhooks, as readers of the event log learn of it: who did it, what was before, what is after.

Of an address only its origin is told: what comes after it may be a secret.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from nexus.events import Event


class EndpointState(BaseModel):
    """What an endpoint was at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    description: str
    event_types: tuple[str, ...]
    workspaces: tuple[str, ...]
    is_enabled: bool


class EndpointCreated(Event, type="webhooks.endpoint.created"):
    endpoint_id: str
    actor_id: str
    after: EndpointState


class EndpointChanged(Event, type="webhooks.endpoint.changed"):
    """`has_new_path`: its address has changed behind the origin, or in it."""

    endpoint_id: str
    actor_id: str
    before: EndpointState
    after: EndpointState
    has_new_path: bool


class EndpointRemoved(Event, type="webhooks.endpoint.removed"):
    endpoint_id: str
    actor_id: str
    before: EndpointState


class EndpointDisabled(Event, type="webhooks.endpoint.disabled"):
    """Nexus has switched it off by itself: it failed for days, or said that it is gone (410)."""

    endpoint_id: str
    because: Literal["failing", "gone"]
    failures: int
    reason: str


class SecretRotated(Event, type="webhooks.endpoint.secret_rotated"):
    endpoint_id: str
    actor_id: str
    overlap_seconds: int


class EndpointTested(Event, type="webhooks.endpoint.tested"):
    """Sent to the endpoint that it names, and to no other."""

    endpoint_id: str
    actor_id: str
