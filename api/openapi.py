"""The OpenAPI document, with what the framework leaves out.

Belongs here: what can be said of every operation at once. Does not belong here: one operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.examples import Examples, NoExampleError
from api.problems import MEDIA_TYPE


def install(app: FastAPI) -> None:
    """Completes what `app` says of itself."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes.setdefault(
            "HTTPBasic", {"type": "http", "scheme": "basic", "description": "an application's id and secret"}
        )
        examples = Examples(document)
        for operation in operations(document):
            for answer in operation["responses"].values():
                # the framework adds its own media type to every documented model; a problem has only one
                if MEDIA_TYPE in answer.get("content", {}):
                    answer["content"].pop("application/json", None)
            for _, media in bodies(operation):
                if "schema" in media and not {"example", "examples"} & media.keys():
                    # tests/architecture/test_openapi.py says where one is missing; the document is served all the same
                    try:
                        media["example"] = examples.of(media["schema"])
                    except NoExampleError:
                        continue
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where → media type object, of the request's body and of every answer that is no problem."""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {kind}", media
    for status, answer in operation["responses"].items():
        for kind, media in answer.get("content", {}).items():
            if kind != MEDIA_TYPE:
                yield f"{status} {kind}", media
