"""What a directory may do to a person: no takeover, no escalation, and that whoever goes is out at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from api.organisations.models import Member
from nexus.ids import new_id
from tests.api.identity import people
from tests.api.kernel import Kernel
from tests.api.oidc.house import Browser, House
from tests.api.organisations.company import Company
from tests.api.scim.conftest import USER, Directory


@pytest.fixture(scope="module")
def house(kernel: Kernel) -> Iterator[House]:
    made = House(kernel)
    yield made
    made.close()


@pytest.mark.parametrize("how", ["patch", "put", "delete"])
def test_who_is_deprovisioned_is_out_at_once(kernel: Kernel, house: House, how: str) -> None:
    directory = Directory(kernel)
    user = directory.user()
    user_id = directory.person(user["id"])
    directory.company.give(("viewer", "*"), member_id=user["id"])
    admin = kernel.caller(organisation=directory.company.id, workspaces=[directory.company.one])
    person = people.within(kernel.settings, lambda s: people.directory.user(s, user_id))
    browser = Browser(kernel, person)
    house.admin, house.company = admin, directory.company
    app = house.app()
    _, token = app.signed_in(browser, scope="openid offline_access nexus")
    assert browser.get("/account").status_code == 200
    read = {"*": frozenset({"organisations.keys", "organisations.read"})}
    mine = kernel.caller(organisation=directory.company.id, id=user_id, grants=read)
    scopes = {"name": "k", "scopes": {"*": ["organisations.read"]}, "expires_in_days": 1}
    key = mine.post("/v1/api-keys", json=scopes).json()["key"]
    assert house.api(key, "/v1/organisation").status_code == 200
    assert house.api(token["access_token"]).status_code == 200
    where = f"/Users/{user['id']}"
    if how == "patch":
        answer = directory.change(where, {"op": "Replace", "path": "active", "value": "False"})
    elif how == "put":
        answer = directory.put(where, json={"schemas": [USER], "userName": user["userName"], "active": False})
    else:
        answer = directory.delete(where)
    assert answer.status_code in {200, 204}, answer.text
    assert browser.get("/account").headers["location"].startswith("/signin")
    assert house.api(token["access_token"]).status_code == 401
    assert house.api(key, "/v1/organisation").status_code == 401
    refused = app.post("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert directory.account(user["id"])[2] is False if how != "delete" else True


def test_whoever_comes_back_is_who_they_were(directory: Directory) -> None:
    user = directory.user()
    person = directory.person(user["id"])
    assert directory.delete(f"/Users/{user['id']}").status_code == 204
    assert directory.get(f"/Users/{user['id']}").status_code == 404
    again = directory.user(userName=user["userName"])
    assert again["id"] != user["id"]
    assert directory.person(again["id"]) == person
    assert directory.account(again["id"])[2] is True


def test_an_account_that_the_operator_ended_stays_ended(directory: Directory) -> None:
    user = directory.user()
    user_id = directory.person(user["id"])
    directory.delete(f"/Users/{user['id']}")
    directory.kernel.sql("update app.scim_account set deactivated_at = null where user_id = %s", user_id)
    answer = directory.post("/Users", json={"schemas": [USER], "userName": user["userName"]})
    assert answer.status_code == 403
    assert "whoever runs this machine" in answer.json()["detail"]


def test_a_suspension_of_the_administrators_own_stays(directory: Directory) -> None:
    user = directory.user()
    where = f"/v1/members/{user['id']}"
    answer = directory.owner.put(where, json={"status": "suspended", "is_break_glass": False})
    assert answer.status_code == 200, answer.text
    said = {"schemas": [USER], "userName": user["userName"], "active": True, "title": "Lead"}
    assert directory.put(f"/Users/{user['id']}", json=said).json()["active"] is False


def test_whom_the_directory_ends_while_the_organisation_is_shut(directory: Directory, kernel: Kernel) -> None:
    """A closing that is cancelled gives back what it marked: no more the member whom the directory has ended meanwhile."""
    ended, renamed = directory.user(), directory.user()
    state = "select m.status, m.is_shut, s.suspended_at is null from app.organisations_member m join app.scim_user s on s.member_id = m.id where m.id = %s"
    for user in (ended, renamed):
        kernel.sql("update app.organisations_member set status = 'suspended', is_shut = true where id = %s", user["id"])
    operation = {"op": "replace", "path": "active", "value": False}
    assert directory.change(f"/Users/{ended['id']}", operation).status_code in {200, 204}
    operation = {"op": "replace", "path": "displayName", "value": "Other"}
    assert directory.change(f"/Users/{renamed['id']}", operation).status_code in {200, 204}
    assert kernel.sql(state, ended["id"]) == [("suspended", False, False)]
    assert kernel.sql(state, renamed["id"]) == [("suspended", True, True)]
    assert directory.get(f"/Users/{ended['id']}").json()["active"] is False


def test_without_a_proved_domain_nobody_is_taken_over(directory: Directory, kernel: Kernel) -> None:
    """The same answer whether or not somebody has the address: an account of its own, at which nobody can receive."""
    somebody = people.make(kernel)
    for address in (somebody.email, people.address()):
        user = directory.user(userName=address, displayName="Somebody Else")
        assert user["userName"] == address
        assert directory.person(user["id"]) != somebody.id
        assert directory.account(user["id"])[1].endswith(f"@{directory.company.id}.invalid")
    stranger = directory.user()
    directory.change(f"/Users/{stranger['id']}", {"op": "replace", "path": "userName", "value": f"x{somebody.email}"})
    assert directory.account(stranger["id"])[1] == stranger["userName"]


def test_a_person_of_two_organisations(directory: Directory, kernel: Kernel) -> None:
    """What they are elsewhere stays: name, address, account."""
    other = Company(kernel)
    user = directory.user(displayName="Ada Example")
    user_id = directory.person(user["id"])
    other.add(Member(id=new_id("mem"), organisation_id=other.id, user_id=user_id))
    before = directory.account(user["id"])
    where = f"/Users/{user['id']}"
    directory.change(where, {"op": "replace", "value": {"displayName": "Changed", "userName": directory.address()}})
    assert directory.get(where).json()["displayName"] == "Changed"
    assert directory.account(user["id"]) == before
    directory.change(where, {"op": "replace", "path": "active", "value": False})
    assert directory.account(user["id"]) == before
    status = "select status from app.organisations_member where user_id = %s and organisation_id = %s"
    assert kernel.sql(status, user_id, other.id) == [("active",)]
    assert kernel.sql(status, user_id, directory.company.id) == [("suspended",)]


def test_whom_another_organisation_has_stays_signed_in_there(kernel: Kernel, house: House) -> None:
    """A directory ends what is its own: what its organisation's provider vouched for, and every token for it."""
    directory, other = Directory(kernel), Company(kernel)
    user = directory.user()
    person = people.within(kernel.settings, lambda s: people.directory.user(s, directory.person(user["id"])))
    there = Member(id=new_id("mem"), organisation_id=other.id, user_id=person.id)
    other.add(there)
    own, vouched = Browser(kernel, person), Browser(kernel, person, realm=directory.company.id)
    tokens = []
    for company, member_id in ((other, there.id), (directory.company, user["id"])):
        company.give(("viewer", "*"), member_id=member_id)
        house.company, house.admin = company, kernel.caller(organisation=company.id, workspaces=[company.one])
        app = house.app()
        tokens.append((app.signed_in(own, scope="openid nexus")[1]["access_token"], company.one))
    assert [house.api(token, workspace=where).status_code for token, where in tokens] == [200, 200]
    directory.change(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    assert [browser.get("/account").status_code for browser in (own, vouched)] == [200, 303]
    assert [house.api(token, workspace=where).status_code for token, where in tokens] == [200, 401]
    # the session that goes on opens nothing of the organisation
    where, _ = app.client().create_authorization_url(house.at("authorize"), code_verifier="v" * 43)
    assert "error=access_denied" in house.allowed(where, own)


def test_a_person_who_was_here_before(directory: Directory, kernel: Kernel) -> None:
    """With the domain proved they become a member; their account is not the directory's."""
    somebody = people.make(kernel, email=directory.address(), name="Own Name")
    user = directory.user(userName=somebody.email, displayName="Other Name")
    assert directory.person(user["id"]) == somebody.id
    directory.change(f"/Users/{user['id']}", {"op": "replace", "path": "displayName", "value": "Third"})
    directory.change(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    assert directory.account(user["id"]) == ("Own Name", somebody.email, True)


def test_nobody_shuts_everybody_out(directory: Directory) -> None:
    owner = next(u for u in directory.get("/Users").json()["Resources"] if directory.person(u["id"]) == directory.owner.principal.id)  # fmt: skip
    for answer in (
        directory.delete(f"/Users/{owner['id']}"),
        directory.change(f"/Users/{owner['id']}", {"op": "replace", "path": "active", "value": False}),
    ):
        assert answer.status_code == 403
        assert "identity provider fail" in answer.json()["detail"]
    assert directory.get(f"/Users/{owner['id']}").json()["active"] is True


def test_roles_follow_groups_and_no_further_than_the_directory_has(kernel: Kernel) -> None:
    directory = Directory(kernel, ("viewer", "*"))
    user, group = directory.user(), directory.group(name=secrets.token_hex(4))
    owner = directory.owner

    def gives(role: str) -> None:
        answer = owner.put(f"/v1/groups/{group['id']}/roles", json={"roles": [{"role": role, "scope": "*"}]})
        assert answer.status_code == 200, answer.text

    def allowed() -> bool:
        check = {
            "user_id": directory.person(user["id"]),
            "permission": "models.read",
            "workspace": directory.company.one,
        }
        return bool(owner.post("/v1/authz:check", json={"checks": [check]}).json()["results"][0]["allowed"])

    gives("viewer")
    where, add = f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": user["id"]}]}
    assert not allowed()
    assert directory.change(where, add).status_code == 204
    assert allowed()
    directory.change(where, {"op": "remove", "path": "members"})
    assert not allowed()
    gives("admin")
    refused = directory.change(where, add)
    assert refused.status_code == 403
    assert "have yourself" in refused.json()["detail"]
    assert not allowed()
