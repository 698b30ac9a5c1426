"""Users and groups as Okta and Entra ID send them, and the whole of scim2-tester."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest

from tests.api.scim.checker import bad, check
from tests.api.scim.conftest import USER, Directory

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def test_conforms(directory: Directory) -> None:
    token = directory.headers["authorization"].removeprefix("Bearer ")
    results = check(directory.kernel.address, token)
    assert not bad(results), "\n".join(bad(results))
    assert len(results) > 100


def test_okta(directory: Directory) -> None:
    """Looks for the name, makes the user with a password that nobody asked for, replaces, deactivates by PUT or PATCH."""
    name = directory.address()
    found = directory.get("/Users", params={"filter": f'userName eq "{name}"', "startIndex": 1, "count": 100}).json()
    assert (found["totalResults"], found.get("Resources", [])) == (0, [])
    said = {
        "schemas": [USER], "userName": name, "name": {"givenName": "Ada", "familyName": "Example"},
        "emails": [{"primary": True, "value": name, "type": "work"}], "displayName": "Ada Example", "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq", "active": True,
    }  # fmt: skip
    made = directory.post("/Users", json=said)
    assert made.status_code == 201
    user = made.json()
    assert made.headers["content-type"] == "application/scim+json"
    assert made.headers["location"] == user["meta"]["location"]
    assert "password" not in user
    assert directory.account(user["id"]) == ("Ada Example", name, True)
    changed = directory.put(f"/Users/{user['id']}", json={**said, "displayName": "Ada Other", "title": "Chief"})
    assert changed.status_code == 200
    assert changed.json()["title"] == "Chief"
    assert directory.account(user["id"])[0] == "Ada Other"
    answer = directory.change(f"/Users/{user['id']}", {"op": "replace", "value": {"active": False}})
    assert answer.status_code == 204
    assert directory.get(f"/Users/{user['id']}").json()["active"] is False
    assert directory.account(user["id"])[2] is False
    directory.put(f"/Users/{user['id']}", json=said)
    assert directory.account(user["id"]) == ("Ada Example", name, True)


def test_entra(directory: Directory) -> None:
    """Operations in capitals, booleans as text, paths with filters that add what they describe, a manager as a bare id."""
    chief = directory.user()
    user = directory.user(active="True", emails=[{"type": "work", "value": "one@b.example"}])
    where = f"/Users/{user['id']}"
    answer = directory.change(
        where,
        {"op": "Replace", "path": "displayName", "value": "New Name"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1 555 0100"},
        {"op": "Add", "value": {'emails[type eq "work"].value': "two@b.example", "title": "Lead"}},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": chief["id"]},
        {"op": "Add", "path": "thisIsNobodys", "value": "x"},
        {"op": "Replace", "path": "active", "value": "False"},
    )
    assert answer.status_code == 204, answer.text
    now = directory.get(where).json()
    assert (now["displayName"], now["title"], now["active"]) == ("New Name", "Lead", False)
    assert now["emails"] == [{"type": "work", "value": "two@b.example"}]
    assert now["phoneNumbers"] == [{"type": "mobile", "value": "+1 555 0100"}]
    assert now[ENTERPRISE]["department"] == "Sales"
    assert now[ENTERPRISE]["manager"]["value"] == chief["id"]
    group, other = directory.group(chief["id"]), directory.user()
    where = f"/Groups/{group['id']}"
    directory.change(where, {"op": "Add", "path": "members", "value": [{"value": user["id"]}, {"value": other["id"]}]})
    assert members(directory, where) == {chief["id"], user["id"], other["id"]}
    directory.change(where, {"op": "Remove", "path": "members", "value": [{"value": user["id"]}]})
    directory.change(where, {"op": "remove", "path": f'members[value eq "{other["id"]}"]'})
    assert members(directory, where) == {chief["id"]}
    shown = directory.get("/Groups", params={"filter": f'displayName eq "{group["displayName"].upper()}"',
                                             "excludedAttributes": "members"}).json()["Resources"]  # fmt: skip
    assert [g["id"] for g in shown] == [group["id"]]
    assert "members" not in shown[0]
    assert directory.get(f"/Users/{chief['id']}").json()["groups"][0]["display"] == group["displayName"]


def members(directory: Directory, where: str) -> set[str]:
    return {m["value"] for m in directory.get(where).json().get("members", [])}


def test_versions(directory: Directory) -> None:
    user = directory.user()
    where, seen = f"/Users/{user['id']}", user["meta"]["version"]
    assert directory.get(where, headers={"If-None-Match": seen}).status_code == 304
    assert (
        directory.change(where, {"op": "add", "path": "title", "value": "a"}, **{"If-Match": seen}).status_code == 204
    )
    stale = directory.change(where, {"op": "add", "path": "title", "value": "b"}, **{"If-Match": seen})
    assert stale.status_code == 412
    assert stale.json()["status"] == "412"
    assert directory.delete(where, headers={"If-Match": seen}).status_code == 412
    assert directory.get(where).json()["title"] == "a"


def test_pages_and_order(kernel: Any) -> None:
    directory = Directory(kernel)
    made = [directory.user(userName=f"{name}@{directory.domain}", externalId=name)["id"] for name in "cabd"]

    def asked(**params: Any) -> list[str]:
        return [u.get("externalId", "owner") for u in directory.get("/Users", params=params).json()["Resources"]]

    assert asked() == ["owner", *"cabd"]
    assert asked(startIndex=2, count=2) == ["c", "a"]
    assert asked(sortBy="externalId", filter="externalId pr", count=3) == ["a", "b", "c"]
    assert asked(sortBy="externalId", sortOrder="descending", filter="externalId pr", startIndex=2) == ["c", "b", "a"]
    assert asked(filter=f'userName sw "A@" or id eq "{made[3]}"') == ["a", "d"]
    assert asked(filter='externalId eq "b" and not (active eq false)') == ["b"]
    assert directory.get("/Users", params={"count": 0}).json()["totalResults"] == 5
    found = directory.post("/Users/.search", json={
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'externalId eq "c"'
    })  # fmt: skip
    assert found.json()["totalResults"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/Users/mem_nobody", None, 404, None),
        ("GET", "/Users?filter=userName%20is%20x", None, 400, "invalidFilter"),
        ("GET", "/Users?filter=userName%20gt%20true%20and", None, 400, "invalidFilter"),
        ("GET", "/Nobody", None, 404, None),
        ("GET", "/", None, 501, None),
        ("POST", "/Bulk", {}, 501, None),
        ("GET", "/Me", None, 501, None),
        ("PUT", "/Users", {}, 405, None),
        ("POST", "/ServiceProviderConfig", {}, 405, None),
        ("POST", "/Users", {"schemas": [USER]}, 400, "invalidValue"),
        ("POST", "/Users", {"schemas": [USER], "userName": "a\u0007b"}, 400, "invalidValue"),
        ("POST", "/Users", {"schemas": [USER], "userName": "x" * 255}, 400, "invalidValue"),
        ("POST", "/Users", {"schemas": [USER], "userName": "big", "title": "x" * 30_000}, 400, "invalidValue"),
        ("POST", "/Users", b"{", 400, "invalidSyntax"),
        ("POST", "/Groups", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g",
                             "members": [{"value": "mem_nobody"}]}, 400, "invalidValue"),
    ],
    ids=str,
)  # fmt: skip
def test_errors_are_scims(
    directory: Directory, method: str, path: str, body: Any, status: int, kind: str | None
) -> None:
    said = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
    answer = directory.request(method, path, **said)
    told = answer.json()
    assert (answer.status_code, told["status"], told.get("scimType")) == (status, str(status), kind), answer.text
    assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.headers["content-type"] == "application/scim+json"


@pytest.mark.parametrize(
    "value",
    ["x' or '1'='1", "x' union select email from app.identity_user --", "%", "_", "*", "x\\\" or userName pr or \\\"x", "\\u0000"],
    ids=["or", "union", "like", "one letter", "star", "quote", "null"],
)  # fmt: skip
def test_what_a_filter_is_told_is_a_value(directory: Directory, value: str) -> None:
    """It ends neither its own text nor a statement's, and stands for nothing but itself."""
    directory.user(externalId="known", title="known")
    for name in ("userName", "externalId", "id", "title"):
        found = directory.get("/Users", params={"filter": f'{name} eq "{value}"'})
        assert found.status_code in {200, 400}, found.text
        assert found.json().get("totalResults", 0) == 0
    groups = directory.get("/Groups", params={"filter": f'displayName eq "{value}" or members.value eq "{value}"'})
    assert groups.json().get("totalResults", 0) == 0
    assert directory.get("/Users", params={"sortBy": f"{value}; drop table app.scim_user"}).status_code in {200, 400}
    patched = directory.change(
        f"/Users/{directory.user()['id']}", {"op": "remove", "path": f'emails[value eq "{value}"]'}
    )
    assert patched.status_code in {204, 400}, patched.text


def test_taken_names(directory: Directory) -> None:
    user, group = directory.user(), directory.group()
    again = directory.post("/Users", json={"schemas": [USER], "userName": user["userName"].upper()})
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    other = directory.user()
    taken = directory.change(f"/Users/{other['id']}", {"op": "replace", "path": "userName", "value": user["userName"]})
    assert taken.status_code == 409
    schema = "urn:ietf:params:scim:schemas:core:2.0:Group"
    same = directory.post("/Groups", json={"schemas": [schema], "displayName": group["displayName"].upper()})
    assert (same.status_code, same.json()["scimType"]) == (409, "uniqueness")


def test_only_whoever_may(directory: Directory) -> None:
    """Without the permission nothing but the discovery is shown; another organisation's resources are nobody's."""
    reader = directory.kernel.caller(permissions={"organisations.read"}, organisation=directory.company.id)
    stranger = Directory(directory.kernel)
    user, group = stranger.user(), stranger.group()
    with httpx.Client(base_url=directory.kernel.address, timeout=20) as nobody:
        for where in ("/Users", "/Groups", f"/Users/{user['id']}", f"/Groups/{group['id']}", "/Users/.search"):
            method = "POST" if where.endswith(".search") else "GET"
            answer = nobody.request(method, f"/scim/v2{where}", json={})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["status"] == "401"
            assert reader.request(method, f"/scim/v2{where}", json={}).json()["status"] == "403"
        assert nobody.get("/scim/v2/ServiceProviderConfig").json()["bulk"]["supported"] is False
    for where in (f"/Users/{user['id']}", f"/Groups/{group['id']}"):
        body = {"schemas": [USER], "userName": secrets.token_hex(4), "displayName": "x"}
        operation = {"op": "replace", "path": "displayName", "value": "x"}
        answers = [directory.get(where), directory.put(where, json=body), directory.change(where, operation),
                   directory.delete(where)]  # fmt: skip
        assert {a.status_code for a in answers} == {404}
        assert not any(stranger.domain in a.text for a in answers)
    assert stranger.domain not in directory.get("/Users", params={"filter": f'userName co "{stranger.domain}"'}).text
    assert directory.post("/Groups", json={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                                           "displayName": secrets.token_hex(4),
                                           "members": [{"value": user["id"]}]}).status_code == 400  # fmt: skip
    assert stranger.get(f"/Users/{user['id']}").json() == user
