"""API keys: shown once, kept as a hash, within what maker and holder may, rotated with an overlap, dead when revoked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.identity import directory
from api.organisations import keys
from tests.api.kernel import TLS, Caller, Kernel
from tests.api.organisations.company import Company

SCOPES = ["models.read"]


@pytest.fixture(scope="module")
def company(kernel: Kernel) -> Company:
    return Company(kernel)


def make(caller: Caller, scopes: dict[str, list[str]], **more: Any) -> httpx.Response:
    return caller.post("/v1/api-keys", json={"name": "k", "scopes": scopes, "expires_in_days": 30, **more})


def models(company: Company, key: str, workspace: str) -> int:
    headers = {"Authorization": f"Bearer {key}", "X-Nexus-Workspace": workspace}
    return httpx.get(f"{company.kernel.address}/v1/models", headers=headers, timeout=20, verify=TLS).status_code


def test_a_key_opens_what_its_scopes_say(company: Company) -> None:
    member = company.member(("analyst", company.one), ("viewer", company.two))
    caller = company.caller(member)
    made = make(caller, {company.one: SCOPES})
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    assert keys.is_key(key)
    assert models(company, key, company.one) == 200
    assert models(company, key, company.two) == 403
    shown = caller.get(f"/v1/api-keys/{made.json()['id']}").json()
    assert shown["prefix"] == key[:12]
    assert shown["last_used_at"] is not None
    assert "key" not in shown
    for table in ("organisations_api_key", "events", "idempotency_key"):
        assert company.kernel.sql(f"select 1 from app.{table} t where t::text like %s", f"%{key[13:]}%") == []


def test_use_is_noted_once_a_minute_not_once_a_request(company: Company, owner: Caller) -> None:
    made = make(owner, {company.one: SCOPES}).json()

    def row() -> Any:
        query = "select last_used_at, version, xmin::text from app.organisations_api_key where id = %s"
        return company.kernel.sql(query, made["id"])[0]

    assert models(company, made["key"], company.one) == 200
    noted = row()
    assert models(company, made["key"], company.one) == 200
    assert row() == noted
    company.kernel.sql(
        "update app.organisations_api_key set last_used_at = now() - interval '2 minutes' where id = %s", made["id"]
    )
    assert models(company, made["key"], company.one) == 200
    assert row()[0] > noted[0]
    assert row()[1] == noted[1] == 1


def test_a_key_is_never_more_than_its_holder(company: Company, owner: Caller) -> None:
    member = company.member(("analyst", company.one))
    caller = company.caller(member)
    key = make(caller, {company.one: ["models.read", "models.predict"]}).json()["key"]
    assert models(company, key, company.one) == 200
    assert owner.put(f"/v1/members/{member.id}/roles", json={"roles": []}).status_code == 200
    assert models(company, key, company.one) == 403
    suspended = {"status": "suspended", "is_break_glass": False}
    assert owner.put(f"/v1/members/{member.id}", json=suspended).status_code == 200
    assert models(company, key, company.one) == 401


@pytest.mark.parametrize(
    "scopes",
    [{"*": ["models.read"]}, {"one": ["*"]}, {"one": ["models.predict"]}, {"one": ["organisations.members"]}],
    ids=["everywhere", "everything", "another permission", "of the organisation"],
)
def test_scopes_stay_within_those_of_the_maker(company: Company, scopes: dict[str, list[str]]) -> None:
    caller = company.caller(company.member(("viewer", company.one)))
    refused = make(caller, {company.one if scope == "one" else scope: p for scope, p in scopes.items()})
    assert (refused.status_code, refused.json()["code"]) == (403, "beyond_own_permissions")


def test_service_accounts_keys(company: Company, owner: Caller) -> None:
    account = company.service_account(("analyst", company.one))
    beyond = make(owner, {company.two: SCOPES}, service_account_id=account.id)
    assert (beyond.status_code, "role first" in beyond.json()["remedy"]) == (422, True)
    made = make(owner, {company.one: SCOPES}, service_account_id=account.id).json()
    assert models(company, made["key"], company.one) == 200
    plain = company.caller(company.member(("analyst", company.one)))
    assert make(plain, {company.one: SCOPES}, service_account_id=account.id).status_code == 403
    assert plain.get(f"/v1/api-keys/{made['id']}").status_code == 404
    assert plain.delete(f"/v1/api-keys/{made['id']}").status_code == 404
    assert made["id"] not in [k["id"] for k in plain.get("/v1/api-keys").json()["data"]]
    # an administrator with less than the account has cannot borrow its strength
    role = company.role("organisations.service_accounts", "organisations.keys")
    weak = company.caller(company.member((role.id, "*")))
    assert make(weak, {company.one: SCOPES}, service_account_id=account.id).json()["code"] == "beyond_own_permissions"
    assert weak.post(f"/v1/api-keys/{made['id']}:rotate", json={"expires_in_days": 1}).status_code == 403
    off = {"name": account.name, "is_disabled": True}
    assert owner.put(f"/v1/service-accounts/{account.id}", json=off).status_code == 200
    assert models(company, made["key"], company.one) == 401


def test_rotation_overlaps_and_revocation_does_not(company: Company, owner: Caller) -> None:
    old = make(owner, {company.one: SCOPES}).json()
    place = f"/v1/api-keys/{old['id']}"
    new = owner.post(f"{place}:rotate", json={"expires_in_days": 10, "overlap_seconds": 600}).json()
    assert new["rotated_from"] == old["id"]
    assert [models(company, k["key"], company.one) for k in (old, new)] == [200, 200]
    company.kernel.sql(
        "update app.organisations_api_key set expires_at = now() - interval '1 second' where id = %s", old["id"]
    )
    assert [models(company, k["key"], company.one) for k in (old, new)] == [401, 200]
    assert owner.post(f"{place}:rotate", json={"expires_in_days": 10}).status_code == 409
    assert owner.delete(f"/v1/api-keys/{new['id']}").status_code == 204
    assert models(company, new["key"], company.one) == 401
    assert owner.delete(f"/v1/api-keys/{new['id']}").status_code == 204
    rows = company.kernel.sql(
        "select data -> 'before' ->> 'is_revoked', data -> 'after' ->> 'is_revoked' from app.events"
        " where stream = %s and type = 'organisations.api_key.changed'", f"api_key/{new['id']}",
    )  # fmt: skip
    assert rows == [("false", "true")]


def test_nobody_is_given_a_key_in_another_members_name(company: Company) -> None:
    holder = company.caller(company.member(("viewer", company.one)))
    made = make(holder, {company.one: SCOPES}).json()
    place = f"/v1/api-keys/{made['id']}"
    # who manages service accounts sees and revokes it, and has whatever it may besides
    admin = company.caller(company.member(("admin", "*")))
    refused = admin.post(f"{place}:rotate", json={"expires_in_days": 1})
    assert (refused.status_code, "key" in refused.json()) == (403, False)
    assert holder.post(f"{place}:rotate", json={"expires_in_days": 1, "overlap_seconds": 60}).status_code == 201
    assert admin.delete(place).status_code == 204
    assert models(company, made["key"], company.one) == 401


def test_a_key_makes_no_keys(company: Company, owner: Caller) -> None:
    made = make(owner, {"*": ["*"]}).json()
    with httpx.Client(
        base_url=company.kernel.address, headers={"Authorization": f"Bearer {made['key']}"}, verify=TLS
    ) as client:
        body = {"name": "k", "scopes": {"*": ["*"]}, "expires_in_days": 366}
        assert client.post("/v1/api-keys", json=body).status_code == 403
        assert client.post(f"/v1/api-keys/{made['id']}:rotate", json={"expires_in_days": 1}).status_code == 403
        assert client.get("/v1/members").status_code == 200
        assert made["id"] in [k["id"] for k in client.get("/v1/api-keys").json()["data"]]


@pytest.mark.parametrize(
    "token", ["nxk_", "nxk_aaaaaaaa_" + "A" * 43, "nxk_" + "x" * 5000, "nxk_aaaaaaaa_" + "A" * 42 + "%00"]
)
def test_what_is_no_key(company: Company, token: str) -> None:
    answer = httpx.get(f"{company.kernel.address}/v1/members", headers={"Authorization": f"Bearer {token}"}, verify=TLS)
    assert (answer.status_code, answer.json()["detail"]) == (401, "the API key is not valid")


def test_a_deactivated_persons_key_opens_nothing_at_once(company: Company) -> None:
    member = company.member(("analyst", company.one))
    key = make(company.caller(member), {company.one: SCOPES}).json()["key"]
    assert models(company, key, company.one) == 200
    company.within(lambda session: directory.deactivate(session, member.user_id), everything=True)
    assert models(company, key, company.one) == 401
    company.within(lambda session: directory.reactivate(session, member.user_id), everything=True)
    assert models(company, key, company.one) == 200
