"""Bodies as Entra ID sends them, in the form that RFC 7644 means. What is not of that kind is left as it is.

Belongs here: shapes that no policy of scim2-models knows. Does not belong here: those that one does (provider.py).
"""

from __future__ import annotations

from typing import Any

import orjson

_MANAGER = ":manager"


def plain(body: bytes) -> bytes:
    """The body of a PATCH with its liberties undone:

    - an operation without a path whose value has paths with filters as names
      (`{"emails[type eq \\"work\\"].value": "…"}`) becomes one operation for each of them;
    - a manager that is told as a bare id becomes `{"value": id}`.
    """
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    name = next((n for n in said if n.lower() == "operations"), None) if isinstance(said, dict) else None
    if name is None or not isinstance(said[name], list):
        return body
    said[name] = [single for operation in said[name] for single in _singles(operation)]
    return orjson.dumps(said)


def _singles(operation: Any) -> list[Any]:
    if not isinstance(operation, dict):
        return [operation]
    names = {name.lower(): name for name in operation}
    path, value = operation.get(names.get("path", "path")), operation.get(names.get("value", "value"))
    if isinstance(path, str) and path.lower().endswith(_MANAGER) and isinstance(value, str) and value:
        return [{**operation, names["value"]: {"value": value}}]
    if path or not isinstance(value, dict):
        return [operation]
    filtered = {name: v for name, v in value.items() if "[" in name}
    if not filtered:
        return [operation]
    others = {name: v for name, v in value.items() if name not in filtered}
    apart = [{**operation, "path": name, names["value"]: v} for name, v in filtered.items()]
    return ([{**operation, names["value"]: others}] if others else []) + apart
