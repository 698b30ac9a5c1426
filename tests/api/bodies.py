"""Requests made from the OpenAPI document: a body from its examples, a path from the ids that there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: A prefix is what `nexus new domain` takes for an entity: words and digits too, such as `line_item`.
_PREFIX = r"(?P<prefix>[a-z][a-z0-9_]*)"
#: In a schema's pattern, and an id itself.
ID = re.compile(rf"\^\(?{_PREFIX}_\[0-9a-f\]\{{32\}}\$")
MADE = re.compile(rf"{_PREFIX}_[0-9a-f]{{32}}")
#: An example that is words: what people call something. One of another form (an address, a type) means something.
_WORDS = re.compile(r"[A-Z][a-z]+( [A-Za-z]+)*")


class Bodies:
    """Makes values of schemas. `ids`: prefix → id to put wherever an id of that kind goes; `workspace` stands for `demo`."""

    def __init__(
        self, document: Mapping[str, Any], ids: Mapping[str, str], workspace: str, word: str, *, least: bool = False,
        told: bool = False,
    ) -> None:  # fmt: skip
        """With `least`, only what a body needs is in it; with `told`, the word stands in every text that people write."""
        self._document, self._ids, self._workspace, self._word, self._least = document, ids, workspace, word, least
        self._told = told
        #: whether the word stands in what was made
        self.has_told = False

    def request(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """`json` or `data` for the client; nothing for an operation without a body."""
        content = operation.get("requestBody", {}).get("content", {})
        if "application/scim+json" in content:
            # its operations mean something as a whole
            return {"json": self._local(content["application/json"]["example"])}
        for kind, name in (("application/json", "json"), ("application/x-www-form-urlencoded", "data")):
            if kind in content:
                return {name: self.value(content[kind].get("schema", {}))}
        return {"content": b"{}"} if content else {}

    def queries(self, operation: Mapping[str, Any]) -> list[str]:
        """One query for each parameter that is an id."""
        named = {
            parameter["name"]: ID.search(str(parameter["schema"]))
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query"
        }
        return [f"?{name}={self._id(match['prefix'])}" for name, match in named.items() if match]

    def path(self, path: str, operation: Mapping[str, Any]) -> str:
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                made = self.value({**parameter["schema"], **{k: parameter[k] for k in ("examples",) if k in parameter}})
                path = path.replace("{{{}}}".format(parameter["name"]), str(made))
        return path

    def fields(self, schema: Mapping[str, Any]) -> set[str]:
        """Names that a schema of an object has."""
        return set(self._meant(schema).get("properties", {}))

    def value(self, schema: Mapping[str, Any]) -> Any:
        if "$ref" in schema:
            return self.value(self._meant(schema))
        if match := ID.search(schema.get("pattern", "")):
            return self._id(match["prefix"])
        if schema.get("examples"):
            return self._tell(self._local(schema["examples"][0]), schema)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.value(next(s for s in schema[several] if s.get("type") != "null"))
        for said in ("const", "default"):
            if said in schema:
                return schema[said]
        if "enum" in schema:
            return schema["enum"][0]
        return self._typed(schema)

    def _typed(self, schema: Mapping[str, Any]) -> Any:
        match schema.get("type"):
            case "object":
                needed = set(schema.get("required", ()))
                fields = schema.get("properties", {})
                # ids are said even where they need not be: they are what a stranger would try
                said = {n for n, s in fields.items() if s.get("examples") or (not self._least and self._has_ids(s))}
                return {n: self.value(s) for n, s in fields.items() if n in needed | said}
            case "array":
                has_ids = ID.search(str(schema.get("items"))) or (not self._least and self._has_ids(schema))
                least = schema.get("minItems", 1 if has_ids else 0)
                return [self.value(schema["items"]) for _ in range(least)]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
        return self._word

    def _has_ids(self, schema: Mapping[str, Any]) -> bool:
        """Whether an id stands in it, or in what it refers to."""
        found = self._meant(schema)
        below = [*found.get("anyOf", ()), *([found["items"]] if "items" in found else [])]
        return ID.search(str(found)) is not None or any(map(self._has_ids, below))

    def _meant(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        found: Any = self._document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self._meant(found)

    def _id(self, prefix: str) -> str:
        return self._ids.get(prefix, f"{prefix}_{'0' * 32}")

    def _tell(self, made: Any, schema: Mapping[str, Any]) -> Any:
        if not self._told or {"pattern", "format", "enum", "const"} & schema.keys():
            return made
        if isinstance(made, dict):
            return {name: self._tell(value, schema.get("properties", {}).get(name, {})) for name, value in made.items()}
        if schema.get("type") == "string" and _WORDS.fullmatch(made):
            self.has_told = True
            return self._word
        return made

    def _local(self, example: Any) -> Any:
        if isinstance(example, dict):
            return {self._local(k): self._local(v) for k, v in example.items()}
        if isinstance(example, list):
            return [self._local(v) for v in example]
        if match := MADE.fullmatch(str(example)):
            return self._ids.get(match["prefix"], example)
        return self._workspace if example == "demo" else example
