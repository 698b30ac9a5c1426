"""Bodies of applications, in and out: the words of OpenID Connect Dynamic Client Registration."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from api.kernel.ids import id_field, path_id
from api.kernel.text import printable
from api.oidc import redirects, scopes
from api.oidc.flow.parties import CLIENT, CODE, DEVICE, PUBLIC, REFRESH
from nexus.ids import workspace_slug

ClientId = Annotated[str, path_id("client")]


def _registrable(uri: str) -> str:
    if objection := redirects.objection(uri):
        raise ValueError(objection)
    return uri


def _reachable(uri: str) -> str:
    if not _registrable(uri).startswith(("https://", "http://")):
        raise ValueError("needs https, or http on this machine")
    return uri


def _known(scope: str) -> str:
    if not scopes.known(scope):
        raise ValueError(f"is none of {', '.join(scopes.MEANING)} and no permission")
    return scope


def _permission(name: str) -> str:
    if name in scopes.MEANING or not scopes.known(name):
        raise ValueError("is no permission")
    return name


def _place(name: str) -> str:
    return name if name == "*" else workspace_slug(name)


RedirectUri = Annotated[str, Field(max_length=redirects.LONGEST), AfterValidator(_registrable)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable)]
Permissions = dict[
    Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9_-]{0,62})$")], list[Annotated[str, AfterValidator(_permission)]]
]
GrantType = Literal[
    "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"
]


class ClientIn(BaseModel):
    """What is said of an application."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Notebook", "redirect_uris": ["http://127.0.0.1/callback"]}]},
    )

    name: Name = Field(examples=["Notebook"], description="what its users are asked about")
    redirect_uris: list[RedirectUri] = Field(
        default=[], max_length=20, examples=[["http://127.0.0.1/callback"]],
        description="compared as text; of http://127.0.0.1 and http://[::1] every port is one",
    )  # fmt: skip
    post_logout_redirect_uris: list[RedirectUri] = Field(default=[], max_length=20)
    grant_types: list[GrantType] = Field(default=["authorization_code", "refresh_token"], min_length=1, max_length=4)
    scopes: list[Annotated[str, AfterValidator(_known)]] = Field(
        default=[scopes.OPENID, scopes.PROFILE, scopes.EMAIL],
        max_length=200,
        description="the most that it is ever given",
    )
    token_endpoint_auth_method: Literal["none", "client_secret_basic", "client_secret_post"] = Field(
        default="client_secret_basic", description="`none`: it cannot keep a secret (an app, a page)"
    )
    id_token_signed_response_alg: Literal["ES256", "RS256"] = "ES256"
    backchannel_logout_uri: Annotated[str, Field(max_length=redirects.LONGEST), AfterValidator(_reachable)] | None = (
        None
    )
    access_token_seconds: int = Field(
        default=300, ge=60, le=12 * 3600,
        description="how long an access token lives at most; it dies before that with its grant, user or browser session",
    )  # fmt: skip
    is_trusted: bool = Field(default=False, description="its users are not asked: the organisation runs it itself")
    permissions: Permissions = Field(
        default={}, max_length=100, examples=[{"*": ["models.read"]}],
        description="what it may do in its own name (client_credentials), by workspace or `*`",
    )  # fmt: skip

    @model_validator(mode="after")
    def _whole(self) -> ClientIn:
        is_public = self.token_endpoint_auth_method == PUBLIC
        if CODE in self.grant_types and not self.redirect_uris:
            raise ValueError("authorization_code needs redirect_uris")
        if self.redirect_uris and CODE not in self.grant_types:
            raise ValueError("redirect_uris are for authorization_code")
        if self.grant_types == [REFRESH]:
            raise ValueError("refresh_token needs another way to the first token")
        if CLIENT in self.grant_types and is_public:
            raise ValueError("client_credentials needs a secret")
        if self.permissions and CLIENT not in self.grant_types:
            raise ValueError("permissions are for client_credentials")
        if self.is_trusted and is_public and not all(u.startswith("https://") for u in self.redirect_uris):
            # RFC 8252, 8.6: any other program of the machine could pass for it
            raise ValueError("one that keeps no secret is trusted at https addresses alone")
        if self.is_trusted and DEVICE in self.grant_types and is_public:
            raise ValueError("one that keeps no secret is not trusted on devices")
        return self


_SHOWN: JsonDict = {
    "client_id": "client_019531c0a2b47c3d8e9f0a1b2c3d4e5f",
    "name": "Notebook",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}


class ClientOut(ClientIn):
    """One application."""

    model_config = ConfigDict(from_attributes=True, extra="ignore", json_schema_extra={"examples": [_SHOWN]})

    client_id: str = id_field("client")
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    updated_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])


class ClientMade(ClientOut):
    """One that was just registered, or was given another secret."""

    client_secret: str | None = Field(default=None, description="shown this once", examples=["nxk_…"])


class AllowedOut(BaseModel):
    """An application that one lets do something."""

    client_id: str = id_field("client")
    name: str = Field(examples=["Notebook"])
    scopes: list[str] = Field(examples=[["openid", "nexus"]])
    since: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    last_used_at: datetime | None = Field(
        examples=["2026-01-31T12:05:00Z"],
        description="when it was last given a token; null if it holds none that lives",
    )


class AllowedListOut(BaseModel):
    """All of them: a person lets in few."""

    data: list[AllowedOut]
