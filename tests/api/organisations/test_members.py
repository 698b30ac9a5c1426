"""Members, roles and groups over HTTP: what changes is told, nobody gives or takes what they lack, an owner remains."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from api.identity import directory
from api.organisations.models import Policy
from tests.api.kernel import Caller
from tests.api.organisations.company import Company


@pytest.fixture
def admin(company: Company) -> Caller:
    return company.caller(company.member(("admin", "*")))


def given(role: str, scope: str, condition: str | None = None) -> dict[str, Any]:
    return {"role": role, "scope": scope, "condition": condition}


def told(company: Company, type: str) -> list[dict[str, Any]]:
    rows = company.kernel.sql(
        "select data from app.events where organisation_id = %s and type = %s order by position", company.id, type
    )
    return [row[0] for row in rows]


def test_roles_differ_from_workspace_to_workspace(company: Company, owner: Caller) -> None:
    member = company.member()
    place = f"/v1/members/{member.id}"
    roles = [given("analyst", company.one), given("viewer", company.two)]
    changed = owner.put(f"{place}/roles", json={"roles": roles})
    assert changed.status_code == 200, changed.text
    assert changed.json()["roles"] == roles
    theirs = company.caller(member)
    assert theirs.principal.workspaces == {company.one, company.two}
    assert theirs.get("/v1/models", headers={"X-Nexus-Workspace": company.two}).status_code == 200
    assert theirs.get("/v1/members").status_code == 403
    event = told(company, "organisations.member.changed")[-1]
    assert (event["before"]["roles"], event["after"]["roles"]) == ([], roles)
    assert event["actor_id"] == owner.principal.id
    # the same again changes nothing and tells nothing
    again = owner.put(f"{place}/roles", json={"roles": roles}, headers={"If-Match": changed.headers["etag"]})
    assert again.headers["etag"] == changed.headers["etag"]
    assert len(told(company, "organisations.member.changed")) == 1
    fewer = owner.put(f"{place}/roles", json={"roles": roles[:1]}, headers={"If-Match": changed.headers["etag"]})
    assert fewer.json()["roles"] == roles[:1]
    assert (
        owner.put(f"{place}/roles", json={"roles": []}, headers={"If-Match": changed.headers["etag"]}).status_code
        == 412
    )


def test_a_weak_tag_matches_nothing(company: Company, owner: Caller) -> None:
    """What a cache has made of a tag says that it looks alike, not that it is the same."""
    place = f"/v1/members/{company.member(('viewer', '*')).id}/roles"
    tag = owner.get(f"/v1/members/{place.split('/')[3]}").headers["etag"]

    def status(said: str) -> int:
        return owner.put(place, json={"roles": []}, headers={"If-Match": said}).status_code

    assert [status(said) for said in (f"W/{tag}", f'W/{tag}, "0"', tag.strip('"'), '"0"')] == [412] * 4
    assert owner.get(f"/v1/members/{place.split('/')[3]}").headers["etag"] == tag
    assert status(f'"0", {tag}') == 200


@pytest.mark.parametrize(
    ("roles", "word"),
    [
        ([given("role_" + "0" * 32, "*")], "there is no role"),
        ([given("viewer", "nowhere")], "no workspace"),
        ([given("viewer", "*", "context.")], "cannot be read"),
        ([given("viewer", "*", "true }; permit(principal, action, resource) when { true")], "more than one expression"),
        ([given("viewer", "*", 'true } unless { context.hour == 1')], "more than one expression"),
        ([given("viewer", "*"), given("viewer", "*", "true")], "twice"),
        ([given("king", "*")], "pattern"),
    ],
)  # fmt: skip
def test_roles_that_cannot_be_given(company: Company, owner: Caller, roles: list[Any], word: str) -> None:
    refused = owner.put(f"/v1/members/{company.member().id}/roles", json={"roles": roles})
    assert refused.status_code == 422
    assert word in refused.json()["detail"]


def test_nobody_gives_what_they_do_not_have(company: Company, admin: Caller) -> None:
    """An administrator of all, and one whose role is a custom one: neither makes an owner, nor goes round by another way."""
    custom = company.role("organisations.members", "organisations.groups", "organisations.roles", "organisations.read",
                          "organisations.service_accounts")  # fmt: skip
    me = company.member((custom.id, "*"))
    small = company.caller(me)
    strong = company.group(roles=(("owner", "*"),))
    account = company.service_account(("admin", "*"))
    group = company.group()
    tries = [
        admin.put(f"/v1/members/{company.member().id}/roles", json={"roles": [given("owner", "*")]}),
        admin.put(f"/v1/members/{company.member().id}/roles", json={"roles": [given("owner", company.one)]}),
        admin.put(f"/v1/groups/{strong.id}/members", json={"member_ids": [company.member().id]}),
        small.put(f"/v1/members/{me.id}/roles", json={"roles": [given(custom.id, "*"), given("viewer", company.one)]}),
        small.put(f"/v1/groups/{group.id}/roles", json={"roles": [given("admin", "*", "false")]}),
        small.post("/v1/roles", json={"name": "more", "permissions": ["organisations.settings"]}),
        small.put(f"/v1/roles/{custom.id}", json={"name": "more", "permissions": [*custom.permissions, "models.read"]}),
        small.put(f"/v1/service-accounts/{account.id}", json={"name": "x", "is_disabled": True}),
        small.put(f"/v1/service-accounts/{account.id}/roles", json={"roles": []}),
        admin.put(f"/v1/members/{me.id}", json={"status": "active", "is_break_glass": True}),
    ]
    assert [(r.status_code, r.json().get("code")) for r in tries] == [(403, "beyond_own_permissions")] * len(tries)
    assert told(company, "organisations.member.changed") == []
    assert company.caller(me).principal.grants == small.principal.grants


def test_nobody_takes_from_the_stronger(company: Company, admin: Caller, owner: Caller) -> None:
    boss = company.member(("owner", "*"))
    body = {"status": "suspended", "is_break_glass": False}
    tries = [
        admin.delete(f"/v1/members/{boss.id}"),
        admin.put(f"/v1/members/{boss.id}", json=body),
        admin.put(f"/v1/members/{boss.id}/roles", json={"roles": []}),
    ]
    assert [r.json()["code"] for r in tries] == ["beyond_own_permissions"] * 3
    suspended = owner.put(f"/v1/members/{boss.id}", json=body)
    assert suspended.json()["status"] == "suspended"
    assert company.caller(boss).principal.grants == {}


def test_the_last_owner_stays(company: Company, owner: Caller) -> None:
    (me,) = [m["id"] for m in owner.get("/v1/members").json()["data"]]
    # whoever owns through a group or under a condition alone does not count
    company.group(company.member(), roles=(("owner", "*"),))
    company.give(("owner", "*"), condition="true", member_id=company.member().id)
    tries = [
        owner.delete(f"/v1/members/{me}"),
        owner.put(f"/v1/members/{me}", json={"status": "suspended", "is_break_glass": False}),
        owner.put(f"/v1/members/{me}/roles", json={"roles": [given("admin", "*"), given("owner", company.one)]}),
    ]
    assert [(r.status_code, r.json()["code"]) for r in tries] == [(409, "last_owner")] * 3
    company.member(("owner", "*"))
    assert owner.delete(f"/v1/members/{me}").status_code == 204


def test_an_owner_who_cannot_sign_in_is_none(company: Company, owner: Caller) -> None:
    """Neither the last owner nor the last who breaks glass may go on their account; alone they count still."""
    (me,) = [m["id"] for m in owner.get("/v1/members").json()["data"]]
    idle = company.member(("owner", "*"), is_break_glass=True)
    # whoever owns through a group does not count
    helper = company.member()
    company.group(helper, roles=(("owner", "*"),))
    company.within(lambda session: directory.deactivate(session, idle.user_id), everything=True)
    refused = owner.put("/v1/organisation", json={"name": "Works", "is_sso_required": True})
    assert "no active owner may break glass" in refused.json()["detail"]
    tries = [
        owner.delete(f"/v1/members/{me}"),
        owner.put(f"/v1/members/{me}", json={"status": "suspended", "is_break_glass": False}),
        owner.put(f"/v1/members/{me}/roles", json={"roles": []}),
    ]
    assert [(r.status_code, r.json()["code"]) for r in tries] == [(409, "last_owner")] * 3
    mine = company.kernel.sql("select user_id from app.organisations_member where id = %s", me)[0][0]
    company.within(lambda session: directory.deactivate(session, mine), everything=True)
    # with nobody left who can sign in, what is no owner's may change, and the owners stay
    by = company.caller(helper)
    assert by.delete(f"/v1/members/{idle.id}").status_code == 204
    last = by.delete(f"/v1/members/{me}")
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")


def test_two_owners_who_remove_each_other_at_once(company: Company) -> None:
    for _ in range(4):
        mine = Company(company.kernel)
        members = [mine.member(("owner", "*")) for _ in range(3)]
        callers = [mine.caller(m) for m in members]
        answers: list[httpx.Response] = []
        gate = threading.Barrier(3)

        def drop(caller: Caller, other: str, gate: Any = gate, answers: list[Any] = answers) -> None:
            gate.wait()
            answers.append(caller.delete(f"/v1/members/{other}"))

        threads = [threading.Thread(target=drop, args=(callers[n], members[(n + 1) % 3].id)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(a.status_code for a in answers) == [204, 204, 409]
        left = company.kernel.sql("select count(*) from app.organisations_member where organisation_id = %s", mine.id)
        assert left == [(1,)]


def test_a_way_round_single_sign_on_remains_where_it_is_required(company: Company, owner: Caller) -> None:
    glass = company.member(("owner", "*"), is_break_glass=True)
    company.add(Policy(organisation_id=company.id, is_sso_required=True))
    refused = owner.put(f"/v1/members/{glass.id}", json={"status": "active", "is_break_glass": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    other = company.member(("owner", "*"))
    assert owner.put(f"/v1/members/{other.id}", json={"status": "active", "is_break_glass": True}).status_code == 200
    assert owner.delete(f"/v1/members/{glass.id}").status_code == 204


def test_custom_roles_from_making_to_removing(company: Company, owner: Caller) -> None:
    made = owner.post(
        "/v1/roles", json={"name": "Scorer", "permissions": ["models.read", "models.predict", "models.read"]}
    )
    assert made.status_code == 201, made.text
    role = made.json()
    assert role["permissions"] == ["models.predict", "models.read"]
    assert owner.post("/v1/roles", json={"name": "Scorer", "permissions": []}).status_code == 409
    assert owner.post("/v1/roles", json={"name": "Admin", "permissions": []}).status_code == 409
    assert "no permission" in owner.post("/v1/roles", json={"name": "x", "permissions": ["a.b"]}).json()["detail"]
    member = company.member((role["id"], company.one))
    assert "models.predict" in company.caller(member).principal.grants[company.one]
    place = made.headers["location"]
    changed = owner.put(place, json={"name": "Reader", "permissions": ["models.read"]})
    assert changed.status_code == 200, changed.text
    assert company.caller(member).principal.grants[company.one] == {"models.read"}
    assert owner.delete(place).status_code == 409
    owner.put(f"/v1/members/{member.id}/roles", json={"roles": []})
    assert owner.delete(place, headers={"If-Match": made.headers["etag"]}).status_code == 412
    assert owner.delete(place).status_code == 204
    assert [e["before"]["name"] for e in told(company, "organisations.role.changed")] == ["Scorer"]
    listed = owner.get("/v1/roles").json()["data"]
    assert [r["id"] for r in listed] == ["owner", "admin", "analyst", "viewer"]


def test_groups_from_making_to_removing(company: Company, owner: Caller) -> None:
    made = owner.post("/v1/groups", json={"name": "Research"}, headers={"Idempotency-Key": "g"})
    place = made.headers["location"]
    assert owner.post("/v1/groups", json={"name": "Research"}).status_code == 409
    member = company.member()
    assert owner.put(f"{place}/roles", json={"roles": [given("viewer", "*")]}).status_code == 200
    joined = owner.put(f"{place}/members", json={"member_ids": [member.id]})
    assert joined.json()["member_ids"] == [member.id]
    assert company.caller(member).principal.workspaces == {company.one, company.two}
    strange = owner.put(f"{place}/members", json={"member_ids": [Company(company.kernel).member().id]})
    assert (strange.status_code, "no member" in strange.json()["detail"]) == (422, True)
    assert owner.put(place, json={"name": "Lab", "description": "more"}).json()["name"] == "Lab"
    assert owner.get(place).json()["member_ids"] == [member.id]
    assert owner.delete(place).status_code == 204
    assert company.caller(member).principal.workspaces == frozenset()
    assert [e["after"]["member_ids"] for e in told(company, "organisations.group.changed")] == [
        [],
        [member.id],
        [member.id],
    ]


def test_service_accounts_have_roles_and_can_be_switched_off(company: Company, owner: Caller) -> None:
    made = owner.post("/v1/service-accounts", json={"name": "Nightly"})
    place = made.headers["location"]
    assert owner.put(f"{place}/roles", json={"roles": [given("analyst", company.one)]}).status_code == 200
    assert owner.put(place, json={"name": "Nightly", "is_disabled": True}).json()["is_disabled"] is True
    assert [a["name"] for a in owner.get("/v1/service-accounts").json()["data"]] == ["Nightly"]
    assert owner.delete(place).status_code == 204
    assert owner.get(place).status_code == 404
