"""Clients and people in the form that Authlib asks for.

Belongs here: answering what a client may, what a person is. Does not belong here: finding them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from api.identity.directory import Person
from api.oidc import redirects, scopes, tokens
from api.oidc.models import Client

CODE, REFRESH, CLIENT = "authorization_code", "refresh_token", "client_credentials"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = (CODE, REFRESH, CLIENT, DEVICE)
PUBLIC, BASIC, POST = "none", "client_secret_basic", "client_secret_post"
AUTH_METHODS = (BASIC, POST, PUBLIC)


class Party(ClientMixin):  # type: ignore[misc]
    """A registered application."""

    def __init__(self, row: Client) -> None:
        self.row = row
        self.client_metadata = {"post_logout_redirect_uris": row.post_logout_redirect_uris}

    def get_client_id(self) -> str:
        return self.row.id

    def get_default_redirect_uri(self) -> None:
        """None: a request says where to, always."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What it may have of it; None for nothing, which Authlib refuses."""
        asked = scopes.parse(scope) or tuple(self.row.scopes if self.row.grant_types == [CLIENT] else ())
        return " ".join(scopes.allowed(asked, self.row.scopes)) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(redirects.matches(redirect_uri, known) for known in self.row.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        kept = self.row.secret_hash
        return kept is not None and hmac.compare_digest(kept, tokens.hashed(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.row.token_endpoint_auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and CODE in self.row.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types

    def __repr__(self) -> str:
        return f"<client {self.row.id}>"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody, or an application in its own name."""

    id: str
    person: Person | None = None

    def get_user_id(self) -> str:
        return self.id


def claims(person: Person, granted: Iterable[str]) -> dict[str, Any]:
    """What an application with these scopes learns of a person (OpenID Connect Core, 5.4)."""
    said: dict[str, Any] = {"sub": person.id}
    if scopes.PROFILE in granted:
        said["name"] = person.name
    if scopes.EMAIL in granted:
        said |= {"email": person.email, "email_verified": person.email_verified}
    return said
