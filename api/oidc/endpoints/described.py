"""What the endpoints that clients post to are in the OpenAPI document: forms, answers, and the errors of OAuth.

Belongs here: descriptions. Does not belong here: reading a form (flow/requests.py), which is stricter than any schema: each
parameter once, none without a value.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from api.oidc.flow.requests import FORM, LONGEST_VALUE
from api.problems import GUARDED

#: The proof of a client that keeps a secret, in `components.securitySchemes` (api/openapi.py); others send their `client_id` alone.
CLIENT = "HTTPBasic"
_ID = "client_019531c0a2b47c3d8e9f0a1b2c3d4e5f"


def _said(*examples: str, default: Any = None) -> Any:
    """A parameter without a value is as one that is absent (RFC 6749, 3.1)."""
    least = 1 if default is ... else 0
    return Field(default, min_length=least, max_length=LONGEST_VALUE, examples=list(examples))


class ClientForm(BaseModel):
    """What a client that does not authenticate by a header says of itself."""

    client_id: str = _said(_ID)
    client_secret: str = _said("nxk_…")


class TokenForm(ClientForm):
    """RFC 6749, 4 and 6; RFC 7636, 4.5; RFC 8628, 3.4."""

    grant_type: Literal[
        "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"
    ] = Field(examples=["client_credentials"])
    code: str = _said("nxc_…")
    redirect_uri: str = _said("http://127.0.0.1/callback")
    code_verifier: str = _said("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    refresh_token: str = _said("nxr_…")
    device_code: str = _said("nxd_…")
    scope: str = _said("openid nexus")


class ShownForm(BaseModel):
    """RFC 7662, 2.1."""

    token: str = _said("nxr_…", default=...)
    token_type_hint: str = _said("refresh_token")


class RevokedForm(ClientForm, ShownForm):
    """RFC 7009, 2.1."""


class DeviceForm(ClientForm):
    """RFC 8628, 3.1."""

    scope: str = _said("openid nexus")


class OAuthError(BaseModel):
    """RFC 6749, 5.2; RFC 6750, 3 (whoever sent no token is told no error)."""

    error: str | None = Field(None, examples=["invalid_client"])
    error_description: str | None = Field(None, examples=["The client does not exist on this server."])


class TokenOut(BaseModel):
    token_type: Literal["Bearer"]
    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6…"])
    expires_in: int = Field(examples=[300], description="seconds")
    scope: str = Field(examples=["openid nexus"])
    refresh_token: str | None = Field(None, examples=["nxr_…"])
    id_token: str | None = Field(None, examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6…"])


class RevokedOut(BaseModel):
    """Nothing, whether there was such a token or not."""

    model_config = ConfigDict(extra="forbid")


class IntrospectedOut(BaseModel):
    """Of a token that is not active, or that the client has no business with, nothing else is told."""

    model_config = ConfigDict(extra="allow")

    active: bool
    client_id: str | None = Field(None, examples=[_ID])
    scope: str | None = Field(None, examples=["openid nexus"])
    sub: str | None = Field(None, examples=["usr_019531c0a2b47c3d8e9f0a1b2c3d4e5f"])
    iss: str | None = Field(None, examples=["http://127.0.0.1:3000"])
    exp: int | None = Field(None, examples=[1_772_357_400])


class DeviceOut(BaseModel):
    device_code: str = Field(examples=["nxd_…"])
    user_code: str = Field(examples=["BCDF-GHJK"])
    verification_uri: str = Field(examples=["http://127.0.0.1:3000/oidc/device"])
    verification_uri_complete: str = Field(examples=["http://127.0.0.1:3000/oidc/device?user_code=BCDF-GHJK"])
    expires_in: int = Field(examples=[600], description="seconds")
    interval: int = Field(examples=[5], description="seconds between two questions")


class UserOut(BaseModel):
    sub: str = Field(examples=["usr_019531c0a2b47c3d8e9f0a1b2c3d4e5f"])
    name: str | None = Field(None, examples=["Ada Example"])
    email: str | None = Field(None, examples=["ada@people.example"])
    email_verified: bool | None = None


class KeyOut(BaseModel):
    """RFC 7517."""

    model_config = ConfigDict(extra="allow")

    kid: str = Field(examples=["1p9V4XsHkkVYCqSmuaXyKhPJ0cK4YqFcI6SvZ0i0g2M"])
    kty: Literal["EC", "RSA"]
    alg: Literal["ES256", "RS256"]
    use: Literal["sig"]


class KeysOut(BaseModel):
    keys: list[KeyOut]


def of(sample: dict[str, Any], name: str, doc: str) -> type[BaseModel]:
    """A model of what `sample` is one of: a document whose fields are texts, lists of texts, and yes or no."""
    kinds = {str: str, bool: bool, list: list[str]}
    fields: dict[str, Any] = {key: (kinds[type(value)], Field(examples=[value])) for key, value in sample.items()}
    made: type[BaseModel] = create_model(name, __doc__=doc, **fields)
    return made


def form(model: type[BaseModel], *, needs_secret: bool = False) -> dict[str, Any]:
    """`openapi_extra` of an endpoint to which `model` is posted."""
    schema = model.model_json_schema()
    content = {FORM: {"schema": schema}}
    security: list[dict[str, list[str]]] = [{CLIENT: []}]
    return {
        "requestBody": {"required": True, "content": content},
        "security": security if needs_secret else [*security, {}],
    }


def answers(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """`responses` of an endpoint of OAuth."""
    refused: dict[int | str, dict[str, Any]] = {
        status: {"model": OAuthError, "description": said} for status, said in _REFUSED.items()
    }
    return {200: {"model": model}, **refused, 503: GUARDED[503]}


_REFUSED = {400: "The request is none, or is refused", 401: "The client or the token is not known"}
