"""Between rows and SCIM resources: pure.

Belongs here: what of a row is which attribute, and what of a resource is kept. Does not belong here: rules, SQL.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import orjson
from scim2_models import Meta

from api.identity.directory import email_key
from api.scim.provider import Group, User
from api.scim.repository import GroupEntry, UserEntry
from nexus.errors import InputError

#: What has a place of its own in the database, or is nobody's to write.
_APART = {"schemas", "id", "meta", "externalId", "userName", "groups"}
#: Characters of what is kept of one user.
LARGEST = 20_000


def user(entry: UserEntry) -> Any:
    """The resource of a member, with every attribute."""
    said = entry.said
    values: dict[str, Any] = {
        **(said.attributes if said else {"displayName": entry.person.name, "active": True}),
        "id": entry.member.id,
        "externalId": said.external_id if said else None,
        "userName": said.user_name if said else entry.person.email,
        "groups": [{"value": g.id, "display": g.name, "type": "direct", "$ref": f"Groups/{g.id}"} for g in entry.groups]
        or None,
    }
    # that the organisation is being closed is not the directory's doing: it can still end whom it has as active
    if entry.member.status != "active" and not entry.member.is_shut and values.get("active"):
        values["active"] = False
    changed = max(entry.member.updated_at, said.updated_at if said else entry.member.updated_at)
    return _resource(User, values, "User", entry.member.created_at, changed)


def group(entry: GroupEntry) -> Any:
    values = {
        "id": entry.group.id,
        "externalId": entry.said.external_id if entry.said else None,
        "displayName": entry.group.name,
        "members": [{"value": id, "type": "User", "$ref": f"Users/{id}"} for id in entry.members] or None,
    }
    return _resource(Group, values, "Group", entry.group.created_at, entry.group.updated_at)


def _resource(model: Any, values: dict[str, Any], kind: str, created: datetime, changed: datetime) -> Any:
    made = model.model_validate({name: value for name, value in values.items() if value is not None})
    # of what is shown: whatever changes it, whoever does, makes it another
    canonical = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    tag = hashlib.sha256(canonical).hexdigest()[:32]
    made.meta = Meta(resource_type=kind, created=created, last_modified=changed, version=f'W/"{tag}"')
    return made


def attributes(resource: Any) -> dict[str, Any]:
    """What is kept of a user besides their names. Raises InputError for more than has room."""
    found = {name: value for name, value in resource.model_dump().items() if name not in _APART}
    if len(orjson.dumps(found)) > LARGEST:
        raise InputError(f"the attributes of one user take more than {LARGEST} bytes", remedy="send fewer")
    return found


def display_name(resource: Any) -> str:
    """How the person is called."""
    name = resource.name
    parts = [name.given_name, name.family_name] if name else []
    told = [resource.display_name, name.formatted if name else None, " ".join(p for p in parts if p)]
    return str(next((t.strip() for t in told if t and t.strip()), resource.user_name))[:200]


def addresses(resource: Any) -> list[str]:
    """Addresses by which the person might sign in, the likeliest first: the user name, the primary e-mail, the others."""
    emails = sorted(resource.emails or (), key=lambda email: not email.primary)
    told = [resource.user_name, *(email.value for email in emails)]
    return list(dict.fromkeys(t.strip() for t in told if t and "@" in t))


def key(user_name: str) -> str:
    """A user name in the form in which names are compared."""
    return email_key(user_name)
