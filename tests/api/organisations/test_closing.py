"""An organisation is closed: shut at once, opened again as it was or removed for good, by a saga."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from nexus.db import LOCAL_ORGANISATION
from tests.api.kernel import TLS, Caller, Kernel
from tests.api.organisations.company import Company
from tests.api.sagas.driving import driven


def close(caller: Caller, organisation: str, **said: Any) -> httpx.Response:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    return caller.post(f"/v1/organisations/{organisation}:close", json=said, headers=headers)


def standing(company: Company) -> dict[str, list[Any]]:
    """What there is, and in which state."""
    of = {
        "member": "status",
        "service_account": "(disabled_at is null)",
        "api_key": "(revoked_at is null)",
        "invitation": "(revoked_at is null)",
        "assignment": "true",
        "domain": "true",
    }
    return {
        table: company.kernel.sql(
            f"select id, {state} from app.organisations_{table} where organisation_id = %s order by id", company.id
        )
        for table, state in of.items()
    }


def furnished(company: Company, owner: Caller) -> tuple[str, str]:
    """A company with something of each kind; a member's id and the text of a key that opens something."""
    member = company.member(("viewer", "*"))
    account = company.service_account(("viewer", "*"))
    suspended = company.member(("viewer", "*"), status="suspended")
    assert suspended.status == "suspended"
    said = {
        "name": "k",
        "service_account_id": account.id,
        "scopes": {"*": ["organisations.read"]},
        "expires_in_days": 1,
    }
    key = owner.post("/v1/api-keys", json=said)
    assert key.status_code == 201, key.text
    invited = {"email": f"{secrets.token_hex(4)}@works.example", "roles": [{"role": "viewer", "scope": "*"}]}
    made = owner.post("/v1/invitations", json=invited)
    assert made.status_code == 201, made.text
    return member.id, key.json()["key"]


def opens(kernel: Kernel, key: str) -> int:
    return httpx.get(
        f"{kernel.address}/v1/organisation", headers={"Authorization": f"Bearer {key}"}, verify=TLS
    ).status_code


def test_shut_at_once_and_opened_again_as_it_was(kernel: Kernel, company: Company, owner: Caller) -> None:
    _, key = furnished(company, owner)
    before = standing(company)
    answer = close(owner, company.id)
    assert answer.status_code == 202, answer.text
    id = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/sagas/{id}"
    assert close(owner, company.id).status_code == 409, "once is enough"
    assert opens(kernel, key) == 200
    assert driven(kernel, id) == "running"
    shut = standing(company)
    assert sorted(state for _, state in shut["member"]) == ["active", "suspended", "suspended"]
    assert {state for table in ("service_account", "api_key", "invitation") for _, state in shut[table]} == {False}
    assert opens(kernel, key) == 401
    cancelled = owner.post(
        f"/v1/sagas/{id}:cancel", json={"reason": "we stay"}, headers={"Idempotency-Key": f"stay-{id}"}
    )
    assert cancelled.status_code == 200, cancelled.text
    assert driven(kernel, id) == "compensated"
    assert standing(company) == before
    assert opens(kernel, key) == 200


def test_removed_for_good(kernel: Kernel, company: Company, owner: Caller) -> None:
    furnished(company, owner)
    id = close(owner, company.id, grace_days=0).json()["id"]
    assert driven(kernel, id) == "succeeded"
    assert standing(company) == {table: [] for table in standing(company)}
    told = [
        type_.rpartition(".")[2]
        for (type_,) in kernel.sql(
            "select type from app.events where subject in (%s, %s) order by position", company.id, id
        )
    ]
    assert told == ["begun", "shut", "closed", "succeeded"]


def test_who_may_not(kernel: Kernel, company: Company, owner: Caller) -> None:
    admin = company.caller(company.member(("admin", "*")))
    assert close(admin, company.id).status_code == 403
    assert close(owner, Company(kernel).id).status_code == 404
    assert close(kernel.caller(organisation=LOCAL_ORGANISATION), LOCAL_ORGANISATION).status_code == 409
    assert close(owner, company.id, grace_days=91).status_code == 422
