"""The OpenAPI document says what a stranger needs: its version, a name for each operation, an example of each body."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import create_app
from api.examples import Examples, NoExampleError
from api.openapi import bodies, operations

DOCUMENT: dict[str, Any] = create_app().openapi()
BODIES = [
    pytest.param(media, id=f"{operation['operationId']} {where}")
    for operation in operations(DOCUMENT)
    for where, media in bodies(operation)
]


def test_version() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_operation_ids() -> None:
    """They are the names of methods in clients that are generated: a verb first, once each, and never renamed lightly."""
    ids = [operation["operationId"] for operation in operations(DOCUMENT)]
    assert not {name for name in ids if ids.count(name) > 1}
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name) for name in ids)


@pytest.mark.parametrize("media", BODIES)
def test_every_body_has_an_example_that_is_one(media: dict[str, Any]) -> None:
    if "example" not in media:
        with pytest.raises(NoExampleError) as told:
            Examples(DOCUMENT).of(media["schema"])
        pytest.fail(f"{told.value} has no example: say one in its `Field(examples=[…])`")
    Draft202012Validator({**media["schema"], "components": DOCUMENT["components"]}).validate(media["example"])


def test_what_every_operation_may_answer() -> None:
    for operation in operations(DOCUMENT):
        assert {"400", "422", "500"} <= operation["responses"].keys(), operation["operationId"]
