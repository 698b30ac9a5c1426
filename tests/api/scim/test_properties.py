"""Whatever a directory sends: bodies are put right without losing anything, a filter finds what it says, a PATCH is what it adds up to."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import PatchOp, ScimFilter

from api.scim import liberties, resources
from api.scim.provider import PROVIDER, User

WORDS = st.text("abcXYZ äß", min_size=1, max_size=8).filter(str.strip)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@given(st.binary(max_size=40) | JSON.map(orjson.dumps))
def test_a_body_of_no_liberties_stays(body: bytes) -> None:
    """Whatever it is: no error, and the same meaning."""
    put_right = liberties.plain(body)
    if put_right != body:
        assert orjson.loads(put_right) == orjson.loads(body)


@given(st.dictionaries(st.sampled_from(["title", "displayName", 'emails[type eq "work"].value', "nickName"]), WORDS))
def test_operations_without_a_path_mean_the_same_one_by_one(value: dict[str, str]) -> None:
    body = {"schemas": [SCHEMA], "Operations": [{"op": "Replace", "value": value}]}
    together = orjson.loads(liberties.plain(orjson.dumps(body)))["Operations"]
    alone = {}
    for operation in together:
        alone.update({operation["path"]: operation["value"]} if operation.get("path") else operation["value"])
    assert alone == value
    assert all("[" not in name for o in together if not o.get("path") for name in o["value"])


@given(st.lists(st.tuples(st.sampled_from(["title", "nickName", "displayName"]), WORDS | st.none()), max_size=6))
@settings(max_examples=50)
def test_a_patch_is_what_its_operations_add_up_to(steps: list[tuple[str, str | None]]) -> None:
    with PROVIDER:
        user = User(user_name="ada")
        operations: list[dict[str, Any]] = [
            {"op": "remove", "path": name} if value is None else {"op": "Replace", "path": name.upper(), "value": value}
            for name, value in steps
        ]
        if operations:
            body = {"schemas": [SCHEMA], "Operations": operations}
            PatchOp[User].model_validate_json(liberties.plain(orjson.dumps(body))).patch(user)
        expected = {name: value for name, value in dict(steps).items() if value is not None}
        assert {n: v for n, v in user.model_dump().items() if n not in {"schemas", "userName"}} == expected


@given(WORDS, st.sampled_from(["eq", "co", "sw", "ew", "ne"]), WORDS)
def test_a_filter_finds_what_it_says(value: str, operator: str, asked: str) -> None:
    have, want = resources.key(value), resources.key(asked)
    expected = {
        "eq": have == want, "ne": have != want, "co": want in have, "sw": have.startswith(want), "ew": have.endswith(want)
    }  # fmt: skip
    with PROVIDER:
        user = User(user_name=resources.key(value))
        found = ScimFilter[User](f"userName {operator} {ScimFilter.quote(resources.key(asked))}").match(user)
    assert found == expected[operator]
