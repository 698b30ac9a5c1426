"""What `/scim/v2` is in the OpenAPI document, made of the schemas that it shows at `/Schemas`.

Belongs here: from SCIM's descriptions to JSON Schema, the operations with their answers. Does not belong here: what they do.

What is described is what RFC 7643 asks of a client. The service takes liberties of Okta and Entra ID besides (provider.py):
names in any case, `"True"` for true, attributes that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Response
from scim2_models import Attribute, EnterpriseUser, Schema
from scim2_server.responses import SCIM_MEDIA_TYPE

from api.scim.provider import GROUP, MOST, Group, User

_TYPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"}, "integer": {"type": "integer"}, "decimal": {"type": "number"},
    "dateTime": {"type": "string", "format": "date-time"},
}  # fmt: skip
_CORE, _ENTERPRISE = User.to_schema(), EnterpriseUser.to_schema()
_META = {"type": "object", "properties": {"resourceType": {"type": "string"}, "version": {"type": "string"}}}
_URNS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_MESSAGE = "urn:ietf:params:scim:api:messages:2.0"
ERROR = {
    "type": "object",
    "required": ["schemas", "status"],
    "properties": {
        "schemas": {"type": "array", "const": [f"{_MESSAGE}:Error"]}, "status": {"type": "string"},
        "scimType": {"type": ["string", "null"]}, "detail": {"type": ["string", "null"]},
    },
}  # fmt: skip


def _attribute(said: Attribute, sent: bool) -> dict[str, Any]:
    kind = said.type.value if said.type else ""
    if kind == "complex":
        properties = dict(_attributes(said.sub_attributes or [], sent=sent))
        made: dict[str, Any] = {"type": "object", "properties": properties}
    else:
        made = dict(_TYPES.get(kind, {"type": "string"}))
    if said.multi_valued:
        made = {"type": "array", "items": made}
    if sent and not said.required:
        # RFC 7643, 2.5: null is as if it were left out
        made["type"] = [made["type"], "null"]
    return made


def _attributes(several: list[Attribute], *, sent: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """`sent`: by a client, who writes nothing that is ours to say."""
    for said in several:
        if said.name and not (sent and said.mutability and said.mutability.value == "readOnly"):
            yield said.name, _attribute(said, sent)


def _resource(schema: Schema, extension: Schema | None, *, sent: bool) -> dict[str, Any]:
    properties = {"schemas": _URNS, **dict(_attributes(schema.attributes or [], sent=sent))}
    if extension is not None and extension.id:
        extended = dict(_attributes(extension.attributes or [], sent=sent))
        properties[extension.id] = {"type": "object", "properties": extended}
    needed = ["schemas", *(a.name for a in schema.attributes or [] if a.required and a.name)]
    if not sent:
        properties |= {"id": {"type": "string"}, "externalId": {"type": "string"}, "meta": _META}
        needed += ["id", "meta"]
    return {"type": "object", "required": needed, "properties": properties}


@dataclass(frozen=True, slots=True)
class Described:
    """One kind of resource: its schemas and an example of each."""

    name: str
    prefix: str
    sent: dict[str, Any]
    shown: dict[str, Any]
    example: dict[str, Any]
    made: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        id = f"{self.prefix}_019531c0a2b47c3d8e9f0a1b2c3d4e5f"
        meta = {"resourceType": self.name, "version": 'W/"1d"'}
        object.__setattr__(self, "made", {**self.example, "id": id, "meta": meta})


USERS = Described(
    "User", "mem", _resource(_CORE, _ENTERPRISE, sent=True), _resource(_CORE, _ENTERPRISE, sent=False),
    {"schemas": [_CORE.id], "userName": "ada@people.example", "displayName": "Ada Example", "active": True},
)  # fmt: skip
GROUPS = Described(
    "Group", "grp", _resource(Group.to_schema(), None, sent=True), _resource(Group.to_schema(), None, sent=False),
    {"schemas": [str(GROUP.schema_)], "displayName": "Research"},
)  # fmt: skip

_LIST = {
    "type": "object",
    "required": ["schemas", "totalResults"],
    "properties": {
        "schemas": _URNS, "totalResults": {"type": "integer"}, "startIndex": {"type": "integer"},
        "itemsPerPage": {"type": "integer"},
    },
}  # fmt: skip
_SEARCH = {
    "type": "object",
    "required": ["schemas"],
    "properties": {
        "schemas": {"type": "array", "const": [f"{_MESSAGE}:SearchRequest"]}, "filter": {"type": "string", "minLength": 1},
        "startIndex": {"type": "integer"}, "count": {"type": "integer", "maximum": MOST},
    },
}  # fmt: skip
_PATCH = {
    "type": "object",
    "required": ["Operations"],
    "properties": {
        "schemas": {"type": "array", "const": [f"{_MESSAGE}:PatchOp"]},
        "Operations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["op"],
                "properties": {"op": {"enum": ["add", "remove", "replace"]}, "path": {"type": "string"}, "value": {}},
            },
        },
    },
}  # fmt: skip
_PATCHED = {"schemas": [f"{_MESSAGE}:PatchOp"], "Operations": [{"op": "replace", "path": "externalId", "value": "e-7"}]}
_SEARCHED = {"schemas": [f"{_MESSAGE}:SearchRequest"], "filter": 'externalId eq "e-7"', "count": 10}
_QUERY = [
    ("filter", {"type": "string"}, 'externalId eq "e-7"'), ("startIndex", {"type": "integer"}, 1),
    ("count", {"type": "integer"}, 10), ("attributes", {"type": "string"}, "id,displayName"),
]  # fmt: skip
_REFUSED = {
    400: "The request cannot be used", 401: "A key is needed", 403: "Not allowed", 404: "There is none",
    405: "Not possible here", 409: "The name is taken", 412: "It has changed", 413: "Too much", 429: "Too many requests",
    500: "Something broke", 501: "Not offered", 503: "Not available now",
}  # fmt: skip


def operations(of: Described) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path below the kind's own, and the options of a route, for each operation."""
    one, many = of.name.lower(), f"{of.name.lower()}s"
    page = _answer(_LIST, {"schemas": [f"{_MESSAGE}:ListResponse"], "totalResults": 1, "Resources": [of.made]})
    shown = _answer(of.shown, of.made)
    query = [{"name": n, "in": "query", "schema": s, "example": e} for n, s, e in _QUERY]
    yield "GET", "", _operation(f"list_scim_{many}", f"Find {many}", {200: page}, parameters=query)
    yield "POST", "", _operation(f"create_scim_{one}", f"Provision a {one}", {201: shown}, body=(of.sent, of.example))
    yield "POST", "/.search", _operation(f"search_scim_{many}", f"Find {many}", {200: page}, body=(_SEARCH, _SEARCHED))
    id = [{"name": "id", "in": "path", "required": True, "schema": _id(of)}]
    yield "GET", "/{id}", _operation(f"get_scim_{one}", f"One {one}", {200: shown}, parameters=id)
    replaced = _operation(
        f"replace_scim_{one}", f"Replace a {one}", {200: shown}, parameters=id, body=(of.sent, of.example)
    )
    yield "PUT", "/{id}", replaced
    patched = {200: shown, 204: {"description": "Changed"}}
    yield (
        "PATCH",
        "/{id}",
        _operation(f"patch_scim_{one}", f"Change a {one}", patched, parameters=id, body=(_PATCH, _PATCHED)),
    )
    gone = {204: {"description": "Deprovisioned: sessions and tokens end at once"}}
    yield "DELETE", "/{id}", _operation(f"delete_scim_{one}", f"Deprovision a {one}", gone, parameters=id)


def discovery() -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and options of what is told to everybody."""
    told = {"type": "object", "required": ["schemas"], "properties": {"schemas": _URNS}}
    for path, name, what in (
        ("/ServiceProviderConfig", "get_scim_configuration", "What the service can do"),
        ("/ResourceTypes", "list_scim_resource_types", "Kinds of resources"),
        ("/Schemas", "list_scim_schemas", "What resources consist of"),
    ):
        yield path, _operation(name, what, {200: _answer(told, {"schemas": [f"{_MESSAGE}:ListResponse"]})})


def _id(of: Described) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{of.prefix}_[0-9a-f]{{32}}$"}


def _answer(schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"description": "As asked", "content": {SCIM_MEDIA_TYPE: {"schema": dict(schema), "example": example}}}


def _operation(
    name: str, summary: str, answers: Mapping[int, Mapping[str, Any]], *, parameters: list[dict[str, Any]] | None = None,
    body: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    extra: dict[str, Any] = {"parameters": parameters or []}
    if body:
        schema, example = body
        kinds = (SCIM_MEDIA_TYPE, "application/json")
        content = {kind: {"schema": schema, "example": example} for kind in kinds}
        extra["requestBody"] = {"required": True, "content": content}
    refused = {
        status: {**_answer(ERROR, {"schemas": [f"{_MESSAGE}:Error"], "status": str(status)}), "description": said}
        for status, said in _REFUSED.items()
    }
    return {
        "name": name, "summary": summary, "status_code": min(answers), "responses": {**refused, **answers},
        "response_class": Response, "openapi_extra": extra,
    }  # fmt: skip
