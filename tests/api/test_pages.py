"""Pages by cursor: every row once whatever sorts alike, and a cursor that belongs to its list."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from api.organisations.models import Group
from nexus.ids import new_id
from tests.api.kernel import Caller, Kernel
from tests.api.organisations.company import Company


def read(cursor: str) -> list[Any]:
    return list(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))


def written(said: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def groups(kernel: Kernel) -> tuple[Company, Caller, list[str]]:
    """Five groups that were made at the same moment, and two roles."""
    company = Company(kernel)
    ids = [new_id("grp") for _ in range(5)]
    company.add(*(Group(id=id, organisation_id=company.id, name=id) for id in ids))
    for _ in range(2):
        company.role("models.read")
    made = kernel.sql("select distinct created_at from app.organisations_group where organisation_id = %s", company.id)
    assert len(made) == 1
    return company, company.caller(company.member(("owner", "*"))), ids


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_rows_that_sort_alike_are_shown_once_each(groups: tuple[Company, Caller, list[str]], limit: int) -> None:
    _, owner, ids = groups
    found: list[str] = []
    asked = {"limit": limit}
    while True:
        page = owner.get("/v1/groups", params=asked).json()
        found += [g["id"] for g in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        asked = {"limit": limit, "cursor": page["next_cursor"]}
    assert [id for id in found if id in ids] == sorted(ids, reverse=True)


def test_a_cursor_is_taken_by_its_own_list_alone(groups: tuple[Company, Caller, list[str]]) -> None:
    company, owner, _ = groups
    for _ in range(2):
        company.member(("viewer", "*"))
    cursor = owner.get("/v1/groups", params={"limit": 1}).json()["next_cursor"]
    assert owner.get("/v1/groups", params={"limit": 3, "cursor": cursor}).status_code == 200
    for other in ("/v1/members", "/v1/roles", "/v1/invitations"):
        refused = owner.get(other, params={"cursor": cursor})
        assert (refused.status_code, refused.json()["detail"]) == (422, "the cursor is not one of this list"), other


def test_a_cursor_holds_for_the_filters_it_came_with(groups: tuple[Company, Caller, list[str]]) -> None:
    _, owner, _ = groups
    for number in range(3):
        assert owner.post("/v1/groups", json={"name": f"Group {number}"}).status_code == 201
    asked = {"limit": 1, "action": "/v1/groups", "since": "2000-01-01T00:00:00Z"}
    cursor = owner.get("/v1/audit", params=asked).json()["next_cursor"]
    assert owner.get("/v1/audit", params={**asked, "limit": 2, "cursor": cursor}).status_code == 200
    for changed in (
        {**asked, "action": "/v1/roles"},
        {"action": "/v1/groups"},
        {**asked, "actor_id": owner.principal.id},
    ):
        refused = owner.get("/v1/audit", params={**changed, "cursor": cursor})
        assert (refused.status_code, refused.json()["detail"]) == (422, "the cursor is not one of this list"), changed


@pytest.mark.parametrize(
    "said",
    [
        ["9999-12-31T23:59:59-14:00", "x"],
        ["0001-01-01T00:00:00+14:00", "x"],
        ["2026-01-01T00:00:00", "x"],
        ["infinity", "x"],
        [1, "x"],
        ["2026-01-01T00:00:00Z", 1],
        ["2026-01-01T00:00:00Z", "\0"],
        ["2026-01-01T00:00:00Z"],
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/roles", "/v1/members"], ids=["driver", "session"])
def test_forged_values_are_refused(groups: tuple[Company, Caller, list[str]], path: str, said: Any) -> None:
    company, owner, _ = groups
    company.member(("viewer", "*"))
    keys, _, of = read(owner.get(path, params={"limit": 1}).json()["next_cursor"])
    refused = owner.get(path, params={"cursor": written([keys, said, of])})
    assert refused.status_code == 422, refused.text


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, 1.5, True, "1"])
def test_forged_numbers_are_refused(groups: tuple[Company, Caller, list[str]], number: Any) -> None:
    _, owner, _ = groups
    for each in range(2):
        assert owner.post("/v1/roles", json={"name": f"{number} {each}", "permissions": []}).is_success
    keys, _, of = read(owner.get("/v1/audit", params={"limit": 1}).json()["next_cursor"])
    refused = owner.get("/v1/audit", params={"cursor": written([keys, [number], of])})
    assert (refused.status_code, refused.json()["detail"]) == (422, "the cursor is not one of this list")


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z"])
def test_moments_that_no_clock_shows_are_refused(groups: tuple[Company, Caller, list[str]], since: str) -> None:
    assert groups[1].get("/v1/audit", params={"since": since}).status_code == 422


@pytest.mark.parametrize("said", [[], {}, 1, "x", [["created_at", "id"], ["2026-01-01T00:00:00Z", "x"]], [1, 2, 3, 4]])
def test_what_is_no_cursor_is_refused(groups: tuple[Company, Caller, list[str]], said: Any) -> None:
    refused = groups[1].get("/v1/groups", params={"cursor": written(said)})
    assert (refused.status_code, refused.json()["detail"]) == (422, "the cursor is not one of this list")
