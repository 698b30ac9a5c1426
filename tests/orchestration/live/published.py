"""Requests and responses held to a provider's published OpenAPI: what its own checker would refuse, fails the test.

Belongs here: finding the operation, checking parameters and bodies. Does not belong here: any provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator


class Published:
    """Some OpenAPI files of one provider. Without files everything passes."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self.checked = 0
        self._operations: list[tuple[str, re.Pattern[str], dict[str, Any], dict[str, Any]]] = []
        for file in files:
            document = json.loads(file.read_text())
            for path, methods in document["paths"].items():
                pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
                for method, operation in methods.items():
                    if isinstance(operation, dict) and "responses" in operation:
                        self._operations.append((method.upper(), pattern, operation, document))

    def check(self, request: httpx.Request, response: httpx.Response) -> None:
        """Raises AssertionError for a request or response that the published files do not allow."""
        if not self._operations:
            return
        found = [
            (operation, document)
            for method, pattern, operation, document in self._operations
            if method == request.method and pattern.match(request.url.path)
        ]
        assert found, f"{request.method} {request.url.path} is not published"
        operation, document = found[0]
        self._parameters(request, operation, document)
        responses = operation["responses"]
        answer = _resolved(responses.get(str(response.status_code)) or responses["default"], document)
        schema = answer["content"]["application/json"]["schema"]
        errors = _errors(schema, response.json(), document)
        assert not errors, f"{response.status_code} to {request.url}: {errors}"
        self.checked += 1

    def _parameters(self, request: httpx.Request, operation: dict[str, Any], document: dict[str, Any]) -> None:
        known = [_resolved(parameter, document) for parameter in operation.get("parameters", [])]
        query = {parameter["name"]: parameter for parameter in known if parameter["in"] == "query"}
        for name, parameter in query.items():
            assert name in request.url.params or not parameter.get("required"), f"{name} is missing: {request.url}"
        for name, text in request.url.params.multi_items():
            assert name in query, f"{name} is not published: {request.url}"
            schema = query[name]["schema"]
            kind = schema.get("type")
            errors = _errors(schema, _valued(text, kind), document)
            assert not errors, f"{name}={text}: {errors}"


def _valued(text: str, kind: str | None) -> Any:
    if kind == "integer":
        return int(text)
    return text == "true" if kind == "boolean" and text in ("true", "false") else text


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def _errors(schema: dict[str, Any], value: Any, document: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]
