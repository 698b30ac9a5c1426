"""What happens to connections and by them, as readers of the event log learn of it. People by id; of a secret, nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from nexus.events import Event


class ConnectionState(BaseModel):
    """What a connection was at one moment. `settings` has addresses and certificates of the provider, no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    name: str
    is_enabled: bool
    domains: tuple[str, ...]
    settings: dict[str, Any]
    mapping: dict[str, Any]
    is_mfa_trusted: bool
    is_provisioning: bool
    default_roles: tuple[dict[str, Any], ...]
    group_roles: tuple[dict[str, Any], ...]


class ConnectionCreated(Event, type="sso.connection.created"):
    connection_id: str
    actor_id: str
    after: ConnectionState


class ConnectionChanged(Event, type="sso.connection.changed"):
    """`is_secret_changed`: another secret was given, which `before` and `after` do not tell."""

    connection_id: str
    actor_id: str
    before: ConnectionState
    after: ConnectionState
    is_secret_changed: bool


class ConnectionRemoved(Event, type="sso.connection.removed"):
    connection_id: str
    actor_id: str
    before: ConnectionState


class LinkCreated(Event, type="sso.link.created"):
    """The provider's subject is this user from now on. `because`: `email`, or `provisioned` if the user was made for it."""

    link_id: str
    connection_id: str
    user_id: str
    because: str


class LinkRemoved(Event, type="sso.link.removed"):
    link_id: str
    connection_id: str
    user_id: str
    actor_id: str


class SigninSucceeded(Event, type="sso.signin.succeeded"):
    """The provider vouched for a member. `methods` are those of the session; a second factor may still be asked for."""

    signin_id: str
    connection_id: str
    user_id: str
    methods: list[str]


class SigninRefused(Event, type="sso.signin.refused"):
    """What came back from the provider opened nothing. `reason` is a word, `detail` a sentence for who administers."""

    signin_id: str
    connection_id: str
    reason: str
    detail: str
