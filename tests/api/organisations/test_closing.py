"""An organisation is closed: shut at once, opened again as it was or removed for good, by a saga."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from api.organisations.keys import digest
from nexus import postgres
from nexus.db import LOCAL_ORGANISATION
from nexus.db.migrate import migrate
from nexus.settings import Settings
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


def test_what_was_taken_away_by_hand_meanwhile_stays_so(kernel: Kernel, company: Company, owner: Caller) -> None:
    """A key that leaks in the days of grace opens nothing when the closing is cancelled, though it was shut already."""
    member, key = furnished(company, owner)
    _, kept = furnished(company, owner)
    before = standing(company)
    said = {"name": "own", "scopes": {"*": ["organisations.read"]}, "expires_in_days": 1}
    own = owner.post("/v1/api-keys", json=said).json()
    [[leaked]] = kernel.sql("select id from app.organisations_api_key where hash = %s", digest(key))
    [[account]] = kernel.sql("select service_account_id from app.organisations_api_key where id = %s", leaked)
    invited = {"email": f"{secrets.token_hex(4)}@works.example", "roles": [{"role": "viewer", "scope": "*"}]}
    invitation = owner.post("/v1/invitations", json=invited).json()["id"]
    id = close(owner, company.id).json()["id"]
    assert driven(kernel, id) == "running"
    by_hand = (
        owner.delete(f"/v1/api-keys/{leaked}"),
        owner.delete(f"/v1/api-keys/{own['id']}"),
        owner.delete(f"/v1/invitations/{invitation}"),
        owner.put(f"/v1/members/{member}", json={"status": "suspended", "is_break_glass": False}),
        owner.put(f"/v1/service-accounts/{account}", json={"name": account, "is_disabled": True}),
    )
    assert [answer.is_success for answer in by_hand] == [True] * 5, [answer.text for answer in by_hand]
    cancelled = owner.post(
        f"/v1/sagas/{id}:cancel", json={"reason": "we stay"}, headers={"Idempotency-Key": f"stay-{id}"}
    )
    assert cancelled.status_code == 200, cancelled.text
    assert driven(kernel, id) == "compensated"
    assert [opens(kernel, each) for each in (key, own["key"], kept)] == [401, 401, 200]
    stays = {leaked: False, own["id"]: False, invitation: False, member: "suspended", account: False}
    after = {one: state for rows in standing(company).values() for one, state in rows}
    assert {one: after[one] for one in stays} == stays
    was = {one: state for rows in before.values() for one, state in rows if one not in stays}
    assert {one: after[one] for one in was} == was, "everything else is as it was"
    # and a second closing knows of it no more
    again = close(owner, company.id).json()["id"]
    assert driven(kernel, again) == "running"
    owner.post(f"/v1/sagas/{again}:cancel", json={"reason": "x"}, headers={"Idempotency-Key": f"stay-{again}"})
    assert driven(kernel, again) == "compensated"
    assert {one: state for rows in standing(company).values() for one, state in rows} == after


def test_who_was_let_in_by_hand_and_left_again(kernel: Kernel, company: Company, owner: Caller) -> None:
    member, _ = furnished(company, owner)
    id = close(owner, company.id).json()["id"]
    assert driven(kernel, id) == "running"
    for status in ("active", "suspended"):
        said = {"status": status, "is_break_glass": False}
        assert owner.put(f"/v1/members/{member}", json=said).status_code == 200
    owner.post(f"/v1/sagas/{id}:cancel", json={"reason": "we stay"}, headers={"Idempotency-Key": f"stay-{id}"})
    assert driven(kernel, id) == "compensated"
    assert dict(standing(company)["member"])[member] == "suspended"


def test_a_closing_that_began_before_what_it_shut_was_marked(settings: Settings) -> None:
    """Cancelled after the upgrade, it opens what it shut all the same."""
    for revision in ("organisations_0004", "kernel_0006"):
        migrate(settings, revision)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute("insert into app.organisation (id, name) values ('org_1', 'Works')")
        for id, status in (("mem_1", "suspended"), ("mem_2", "suspended"), ("mem_3", "active")):
            connection.execute(
                "insert into app.organisations_member (id, organisation_id, user_id, status) values (%s, 'org_1', %s, %s)",
                (id, id, status),
            )
        connection.execute(
            "insert into app.saga (id, organisation_id, name, state, is_back, arguments, created_by, job_id)"
            " values ('saga_1', 'org_1', 'organisations.close', 'running', false, '{}', 'usr_1', 'job_1')"
        )
        shut = {"members": ["mem_1", "mem_3"], "service_accounts": [], "api_keys": [], "invitations": []}
        connection.execute(
            "insert into app.saga_step (saga_id, position, organisation_id, name, state, result)"
            " values ('saga_1', 0, 'org_1', 'shut', 'done', %s)",
            (Jsonb(shut),),
        )
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings)) as connection:
        marked = connection.execute("select id from app.organisations_member where is_shut").fetchall()
    assert marked == [("mem_1",)]


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
