"""An example of every body, put together from the examples of its fields.

Belongs here: from a schema to a value. Does not belong here: the examples (`Field(examples=[…])` in the schemas of slices).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ID = re.compile(r"\^\(?(?P<prefix>[a-z]+)_\[0-9a-f\]\{32\}\$")
_FORMATS = {"date-time": "2026-03-01T09:30:00Z", "date": "2026-03-01", "uri": "https://app.example/"}
_PLAIN: dict[str, Any] = {"boolean": False, "null": None, "object": {}}


class NoExampleError(LookupError):
    """Some text of the body has neither example nor form; the message is the path to it."""


class Examples:
    """Makes values of the schemas of one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def of(self, schema: Mapping[str, Any], at: str = "#") -> Any:
        """Raises NoExampleError where a field that must be said has none."""
        if "$ref" in schema:
            found: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self.of(found, at)
        if schema.get("examples"):
            return schema["examples"][0]
        if match := _ID.search(schema.get("pattern", "")):
            return f"{match['prefix']}_019531c0a2b47c3d8e9f0a1b2c3d4e5f"
        for said in ("const", "default"):
            if said in schema:
                return schema[said]
        if "enum" in schema:
            return schema["enum"][0]
        return self._several(schema, at)

    def _several(self, schema: Mapping[str, Any], at: str) -> Any:
        for name in ("anyOf", "oneOf", "allOf"):
            if name in schema:
                several = schema[name]
                try:
                    return self.of(several[0], at)
                except NoExampleError:
                    if {"type": "null"} in several:
                        return None
                    raise
        return self._typed(schema, at)

    def _typed(self, schema: Mapping[str, Any], at: str) -> Any:
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            needed = set(schema.get("required", ()))
            fields = schema["properties"]
            return {n: self.of(s, f"{at}/{n}") for n, s in fields.items() if n in needed or _is_said(s)}
        if kind == "array":
            return (
                [self.of(schema.get("items", {}), f"{at}/0")] if schema.get("minItems", 1) or _is_said(schema) else []
            )
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if kind in _PLAIN:
            return _PLAIN[kind]
        if not kind:
            return {}
        raise NoExampleError(at)


def _is_said(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("examples")) or any(s.get("examples") for s in schema.get("anyOf", ()))
