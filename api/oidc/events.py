"""What happens to applications and to what they were granted, as readers of the event log learn of it. No token, no secret."""

from __future__ import annotations

from nexus.events import Event


class ClientRegistered(Event, type="oidc.client.registered"):
    client_id: str
    name: str


class ClientChanged(Event, type="oidc.client.changed"):
    client_id: str
    name: str


class ClientRemoved(Event, type="oidc.client.removed"):
    client_id: str


class SecretRotated(Event, type="oidc.client.secret_rotated"):
    client_id: str


class GrantGiven(Event, type="oidc.grant.given"):
    """An application was let in. `user_id` is empty for one that acts in its own name."""

    grant_id: str
    client_id: str
    user_id: str | None
    session_id: str | None
    scopes: list[str]


class GrantRevoked(Event, type="oidc.grant.revoked"):
    """Its tokens are dead. `because`: `client`, `signed_out`, `code_replayed`, `refresh_token_reused`, `password_changed`, …"""

    grant_id: str
    client_id: str
    user_id: str | None
    session_id: str | None
    because: str


class AccessWithdrawn(Event, type="oidc.client.access_withdrawn"):
    """A person lets the application do nothing more; every grant that it had of them is revoked. `scopes` are what it could."""

    client_id: str
    user_id: str
    scopes: list[str]


class GrantOutlives(Event, type="oidc.grant.outlived"):
    """The browser session in which it was given is over. It lives on, and its application is told all the same."""

    grant_id: str
    client_id: str
    user_id: str
    session_id: str
