"""Bodies of connections."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from api.kernel.ids import example, id_field, path_id
from api.kernel.text import printable
from api.organisations.schemas.access import RoleGivenIn
from api.organisations.schemas.organisation import Name

ConnectionId = Annotated[str, path_id("cnx")]
Kind = Literal["oidc", "saml"]
Address = Annotated[str, Field(max_length=1000, pattern=r"^https?://[^\s#]+$")]
#: How a provider calls something: a claim, an attribute, a group.
Called = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(printable)]
_STRICT = ConfigDict(extra="forbid")
_AT = f"https://nexus.example.com/signin/sso/{example('cnx')}"


class OidcIn(BaseModel):
    """Where the provider is, and how we are known there. Its redirect address is `redirect_uri` of the answer."""

    model_config = _STRICT

    issuer: Address = Field(examples=["https://login.example.com"], description="exactly as the provider writes itself")
    client_id: Called = Field(examples=["nexus"])
    client_secret: SecretStr | None = Field(
        default=None, max_length=1000, description="shown nowhere; left out, the one of before stays"
    )
    scopes: list[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,100}$")]] = Field(
        default=["openid", "profile", "email"], min_length=1, max_length=20
    )


class SamlIn(BaseModel):
    """The provider's metadata, or what it would say: `entity_id`, `sso_url` and `certificates`."""

    model_config = _STRICT

    metadata_xml: str | None = Field(default=None, max_length=200_000)
    entity_id: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(printable)] | None = Field(
        default=None, examples=["https://login.example.com/saml"]
    )
    sso_url: Address | None = Field(default=None, examples=["https://login.example.com/saml/sso"])
    certificates: list[Annotated[str, Field(max_length=10_000)]] = Field(
        default=[], max_length=5, description="that sign, as PEM or its middle; several while one replaces another"
    )

    @model_validator(mode="after")
    def _whole(self) -> SamlIn:
        said = (self.entity_id, self.sso_url, self.certificates)
        if (self.metadata_xml is None) != all(said) or (self.metadata_xml is not None and any(said)):
            raise ValueError("needs metadata_xml alone, or entity_id, sso_url and certificates")
        return self


class Mapping(BaseModel):
    """How the provider calls what we need of a person. Left out, the usual names are tried."""

    model_config = _STRICT

    email: Called | None = Field(default=None, examples=["email"])
    name: Called | None = Field(default=None, examples=["name"])
    groups: Called | None = Field(default=None, examples=["groups"])


class GroupRoleIn(BaseModel):
    """A role for whoever the provider says is in a group."""

    model_config = _STRICT

    group: Called = Field(examples=["research"])
    role: RoleGivenIn


class ConnectionIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Example login", "oidc": {"issuer": "https://login.example.com", "client_id": "nexus"}}
            ]
        },
    )

    name: Name = Field(examples=["Example login"], description="what its people read on the way there")
    is_enabled: bool = Field(default=False, description="whether anybody is led there")
    domains: list[Annotated[str, Field(min_length=3, max_length=253)]] = Field(
        default=[], max_length=50, description="proved domains of the organisation whose people it vouches for"
    )
    oidc: OidcIn | None = None
    saml: SamlIn | None = None
    mapping: Mapping = Mapping()
    is_mfa_trusted: bool = Field(default=False, description="what it says of second factors counts here")
    is_provisioning: bool = Field(default=False, description="who is no member becomes one when they first sign in")
    default_roles: list[RoleGivenIn] = Field(default=[], max_length=50, description="of everybody who signs in by it")
    group_roles: list[GroupRoleIn] = Field(default=[], max_length=200)

    @model_validator(mode="after")
    def _one(self) -> ConnectionIn:
        if (self.oidc is None) == (self.saml is None):
            raise ValueError("needs oidc or saml")
        return self

    @property
    def kind(self) -> Kind:
        return "oidc" if self.oidc else "saml"


class OidcOut(BaseModel):
    issuer: str = Field(examples=["https://login.example.com"])
    client_id: str = Field(examples=["nexus"])
    has_secret: bool
    scopes: list[str] = Field(examples=[["openid", "profile", "email"]])
    redirect_uri: str = Field(description="to be registered with the provider", examples=[f"{_AT}/callback"])


class SamlOut(BaseModel):
    """`sp_…` are what the provider is to be told; `sp_metadata_url` has it all."""

    entity_id: str = Field(examples=["https://login.example.com/saml"])
    sso_url: str = Field(examples=["https://login.example.com/saml/sso"])
    certificates: list[str] = Field(examples=[["MIIC…"]])
    sp_entity_id: str = Field(examples=[f"{_AT}/metadata"])
    sp_acs_url: str = Field(examples=[f"{_AT}/acs"])
    sp_metadata_url: str = Field(examples=[f"{_AT}/metadata"])


class ConnectionOut(BaseModel):
    id: str = id_field("cnx")
    kind: Kind
    name: str = Field(examples=["Example login"])
    is_enabled: bool
    domains: list[str] = Field(examples=[["example.com"]])
    oidc: OidcOut | None = None
    saml: SamlOut | None = None
    mapping: Mapping
    is_mfa_trusted: bool
    is_provisioning: bool
    default_roles: list[RoleGivenIn]
    group_roles: list[GroupRoleIn]
    signin_url: str = Field(description="leads straight there", examples=[_AT])
    created_at: datetime
    updated_at: datetime
    version: int


class Finding(BaseModel):
    """One thing that was looked at. `remedy` says what to do if it is not right."""

    what: str = Field(examples=["the provider's description"])
    is_right: bool
    said: str = Field(examples=["found at https://login.example.com/.well-known/openid-configuration"])
    remedy: str | None = None


class TestedOut(BaseModel):
    is_ready: bool
    findings: list[Finding]


class UnlinkIn(BaseModel):
    model_config = _STRICT

    user_id: str = id_field("usr")


class RealmOut(BaseModel):
    """Where somebody with that address signs in: here unless `signin_url` says otherwise."""

    signin_url: str | None = Field(default=None, examples=[_AT])
