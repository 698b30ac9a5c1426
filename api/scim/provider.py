"""What this SCIM service is: its resources, what it can do, and which liberties of well-known clients it takes.

Belongs here: schemas and configuration, as the discovery endpoints show them. Does not belong here: rows, HTTP.

A liberty is taken where Okta or Entra ID depart from RFC 7644 and no other reading is possible: `"True"` for a boolean,
operations in any case, `remove` with a `value`, a filter in a path that describes what is to be added, attributes that
nobody knows (left out).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    EnterpriseUser,
    ETag,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models import Group as _Group
from scim2_models import User as _User
from scim2_server.service import ScimService

#: Of one answer.
MOST = 200
PATH = "/scim/v2"


# by name: the class of a user is made of its schema, below
_USER_REFERENCE: Any = Reference["User"]  # type: ignore[type-arg]


class GroupMember(ComplexAttribute):
    """A member of the organisation: groups of groups there are none."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """Identifier of the user."""
    ref: Annotated[_USER_REFERENCE | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the user."""
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always 'User'."""


class Group(Resource[Any]):
    __schema__ = _Group.__schema__

    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """The name of the group."""
    members: list[GroupMember] | None = None
    """Who is in it; they have the roles that the organisation gives to the group."""
    Members: ClassVar[type[ComplexAttribute]] = GroupMember


#: Of the core schema what is kept of a user. Left out: `password` (nobody sets another's), `roles` and `entitlements`
#: (groups have roles), and what Nexus has no use for: `ims`, `photos`, `x509Certificates`.
KEPT = (
    "userName", "name", "displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale",
    "timezone", "active", "emails", "phoneNumbers", "addresses", "groups",
)  # fmt: skip
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MOST),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="API key",
            description="`Authorization: Bearer nxk_…`: a key of a service account that may scim.provision",
            primary=True,
        )
    ],
)


def _provider() -> ScimProvider:
    user = _User.to_schema()
    user.attributes = [attribute for attribute in user.attributes or [] if attribute.name in KEPT]
    types = [ResourceType.from_resource(_User[EnterpriseUser]), ResourceType.from_resource(Group)]
    described = ScimProvider.from_discovery([user, EnterpriseUser.to_schema()], types[:1])
    return ScimProvider([*described.models, Group], types, CONFIG, POLICY)


PROVIDER = _provider()
SERVICE = ScimService(PROVIDER)
USER, GROUP = PROVIDER.resource_types
#: The class of a user, as the schema describes it.
User: Any = SERVICE.get_model(USER)
