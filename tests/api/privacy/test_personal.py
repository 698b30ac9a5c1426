"""Everything that is held of a person: claimed, handed over, erased; and that others' is left alone."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import pytest

from api.audit import repository as audit
from api.audit.chain import Verifier
from api.identity import directory
from api.organisations.models import Member
from api.privacy import service
from nexus.db import Session
from nexus.ids import new_id
from nexus.personal import ERASED, OTHERS
from nexus.personal.register import holdings
from tests.api.identity import people as rows
from tests.api.identity.conftest import PeopleOf
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company
from tests.api.scim.conftest import Directory

#: Columns of these names are about a person, whatever the table.
PERSONAL = re.compile(
    r"(^|_)(user_id|email|email_key|user_name|user_agent|address|ip|ip_address|phone|given_name|family_name|birthday)$"
)
#: Columns that only look like it, and why.
NOT = {"webhooks_endpoint.address": "of a machine"}

VIEWER = {"role": "viewer", "scope": "*"}


@pytest.fixture(scope="module")
def people(kernel: Kernel) -> PeopleOf:
    return PeopleOf(kernel)


def test_every_table_that_holds_something_of_a_person_is_claimed(kernel: Kernel) -> None:
    found = kernel.sql("select table_name, column_name from information_schema.columns where table_schema = 'app'")
    claimed = {holding.name for holding in holdings()}
    loose = [
        f"app.{table}.{column}: say in api/<domain>/personal.py what becomes of it (docs/personal-data.md)"
        for table, column in found
        if PERSONAL.search(column) and table not in claimed and f"{table}.{column}" not in NOT
    ]
    assert not loose, "\n".join(sorted(loose))


def test_what_a_holding_names_is_there() -> None:
    for holding in holdings():
        columns = set(holding.table.__table__.columns.keys())
        assert {*holding.shown, *holding.personal} <= columns, holding.name
        assert not any(re.search(r"hash|secret|key$|token", name) for name in holding.shown), holding.name


def signed_in(people: PeopleOf, email: str) -> Any:
    browser = people.browser()
    # closed with the kernel
    people.kernel._callers.append(browser)  # type: ignore[arg-type]
    browser.sign_in(email)
    assert browser.signed_in()
    return browser


def test_a_person_takes_their_data_and_goes(people: PeopleOf, kernel: Kernel) -> None:
    directory = Directory(kernel)
    ada = people.make(email=directory.address(), name="Ada Example")
    user = directory.user(userName=ada.email, title="Lead", name={"givenName": "Ada"})
    company = Company(kernel)
    company.add(Member(id=new_id("mem"), organisation_id=company.id, user_id=ada.id))
    browser = signed_in(people, ada.email)
    taken = browser.form("/account/data", "/account/data/export")
    assert taken.headers["content-disposition"].startswith("attachment")
    said = taken.json()
    assert said["tables"]["identity_user"][0]["email"] == ada.email
    assert said["tables"]["scim_user"][0]["attributes"]["title"] == "Lead"
    assert {m["organisation_id"] for m in said["tables"]["organisations_member"]} == {company.id, directory.company.id}
    [signin] = [e for e in said["events"] if e["type"] == "identity.signin.succeeded"]
    assert signin["data"]["address"] == "127.0.0.1"
    assert "password_hash" not in taken.text
    wrong = browser.form("/account/data", "/account/data/erase", email="somebody@else.example")
    assert wrong.status_code == 422
    assert "not the address of this account" in wrong.text
    gone = browser.form("/account/data", "/account/data/erase", email=ada.email.upper())
    assert (gone.status_code, gone.headers["location"]) == (303, "/signin?said=out")
    assert not browser.signed_in()
    nothing_left(kernel, ada.id, ada.email)
    assert directory.get(f"/Users/{user['id']}").status_code == 404
    told = rows.told(kernel, ada)
    assert "user.deactivated" in told
    erased = kernel.sql(
        "select data from app.events where type = 'privacy.person.erased' and data->>'person_id' = %s", ada.id
    )
    assert erased[0][0]["actor_id"] == ada.id
    removed = kernel.sql("select rows, asked_by from app.privacy_erasure where user_id = %s", ada.id)[0]
    assert removed[1] == ada.id
    assert removed[0]["organisations_member"] == 2
    assert removed[0]["identity_user"] == 1


def nothing_left(kernel: Kernel, user_id: str, email: str) -> None:
    """Not in any row of any table: neither the address, nor (but in what says that it was erased, and in logs) the id."""
    tables = [t for (t,) in kernel.sql("select tablename from pg_tables where schemaname = 'app'")]
    kept = {"events", "audit_entry", "privacy_key", "privacy_erasure", "delivery", "inbox"}
    for table in tables:
        found = kernel.sql(f"select 1 from app.{table} t where t::text ilike %s", f"%{email}%")
        assert not found, f"app.{table} has the address still"
        if table not in kept:
            assert not kernel.sql(f"select 1 from app.{table} t where t::text like %s", f"%{user_id}%"), table
    sealed = kernel.sql(
        "select data from app.events where type = 'identity.signin.succeeded' and data ->> 'user_id' = %s", user_id
    )
    assert sealed
    for (data,) in sealed:
        assert data["address"].startswith("sealed:1:")

        async def read(session: Session, said: Any = data) -> Any:
            from nexus.personal import opened

            return (await opened(session, [said]))[0]

        assert rows.within(kernel.settings, read)["address"] == ERASED


def test_an_administrator_hands_over_and_erases(people: PeopleOf, kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*"), is_break_glass=True))
    ada = people.make(name="Ada Example")
    member = Member(id=new_id("mem"), organisation_id=company.id, user_id=ada.id)
    company.add(member)
    company.give(("admin", "*"), member_id=member.id)
    signed_in(people, ada.email)
    # what they did themselves is in the log under their key
    company.caller(member).post("/v1/groups", json={"name": "Theirs"})
    said, where = {"reason": "request of 27 November"}, f"/v1/members/{member.id}"
    answer = owner.post(f"{where}:export", json=said)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tables"]["identity_user"][0]["name"] == "Ada Example"
    assert answer.json()["tables"]["audit_entry"][0]["action"] == "POST /v1/groups"
    admin = company.caller(company.member(("admin", "*")))
    assert admin.post(f"{where}:erase", json=said).status_code == 403
    assert owner.get("/v1/audit", params={"actor_id": ada.id}).json()["data"][0]["address"] == "127.0.0.1"
    done = owner.post(f"{where}:erase", json=said)
    assert done.status_code == 201, done.text
    nothing_left(kernel, ada.id, ada.email)
    log = owner.get("/v1/audit").json()["data"]
    assert [e["action"] for e in log] == [
        "POST /v1/members/{member_id}:erase", "POST /v1/members/{member_id}:export", "POST /v1/groups"
    ]  # fmt: skip
    assert log[2]["address"] == ERASED
    assert ada.email not in json.dumps(log)
    assert "organisations.member.removed" in {e["type"] for e in log[0]["events"]}
    assert followed(kernel, company.id) is None
    assert owner.post(f"{where}:erase", json=said).status_code == 404


def test_answers_that_are_kept_go_with_the_person(people: PeopleOf, kernel: Kernel) -> None:
    """Theirs, and those that name them; not those of others."""
    company = Company(kernel)
    boss = company.member(("owner", "*"))
    owner = company.caller(boss)
    ada = people.make()
    member = Member(id=new_id("mem"), organisation_id=company.id, user_id=ada.id)
    company.add(member)
    company.give(("admin", "*"), member_id=member.id)
    for caller in (company.caller(member), owner):
        made = caller.post("/v1/groups", json={"name": new_id("grp")}, headers={"Idempotency-Key": "mine"})
        assert made.status_code == 201, made.text
    kernel.sql(
        "insert into app.idempotency_key values (%s, '', 'POST /v1/probe', %s, '', 201, '{}', convert_to(%s, 'UTF8'))",
        company.id, f"{boss.user_id}/other", json.dumps({"user_id": ada.id}),
    )  # fmt: skip
    said = {"reason": "request of 27 November"}
    shown = owner.post(f"/v1/members/{member.id}:export", json=said).json()["tables"]["idempotency_key"]
    assert sorted(row["route"] for row in shown) == ["POST /v1/groups", "POST /v1/probe"]
    done = owner.post(f"/v1/members/{member.id}:erase", json=said)
    assert done.json()["rows"]["idempotency_key"] == 2
    left = kernel.sql("select key from app.idempotency_key where organisation_id = %s", company.id)
    assert left == [(f"{boss.user_id}/mine",)]


def test_invitations_go_however_the_address_is_written(people: PeopleOf, kernel: Kernel) -> None:
    """Those that nobody accepted too, and not those of others."""
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    local = f"straße.{secrets.token_hex(6)}"
    ada = people.make(email=f"{local}@people.example")
    written = [ada.email, ada.email.replace("ß", "SS"), f"\uff53{ada.email[1:].upper()}", f"{local}@other.example"]
    for email in written:
        said = {"email": email, "roles": [{"role": "viewer", "scope": "*"}]}
        assert owner.post("/v1/invitations", json=said).status_code == 201
    member = Member(id=new_id("mem"), organisation_id=company.id, user_id=ada.id)
    company.add(member)
    done = owner.post(f"/v1/members/{member.id}:erase", json={"reason": "request of 27 November"})
    assert done.json()["rows"]["organisations_invitation"] == 3
    left = kernel.sql("select email from app.organisations_invitation where organisation_id = %s", company.id)
    assert left == [(written[-1],)]


def test_a_reason_that_is_kept_has_no_address(people: PeopleOf, kernel: Kernel) -> None:
    """Of an export it is sealed; of an erasure it stays, when no key is left that would seal it."""
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    ada = people.make()
    member = Member(id=new_id("mem"), organisation_id=company.id, user_id=ada.id)
    company.add(member)
    said, where = {"reason": f"asked for by {ada.email.upper()}"}, f"/v1/members/{member.id}"
    assert owner.post(f"{where}:export", json=said).status_code == 200
    refused = owner.post(f"{where}:erase", json=said)
    assert refused.status_code == 422, refused.text
    assert "has the address" in refused.json()["detail"]
    assert owner.get(where).status_code == 200
    assert owner.post(f"{where}:erase", json={"reason": "ticket 4711"}).status_code == 201
    kept = kernel.sql("select reason from app.privacy_erasure where user_id = %s", ada.id)
    assert kept == [("ticket 4711",)]


def test_an_export_tells_what_happened_to_a_member(people: PeopleOf, kernel: Kernel) -> None:
    """By events that name the membership alone: of one that is no more, and of keys. Those of other members are not theirs."""
    company, former = Company(kernel), Company(kernel)
    ada = people.make()
    here, there = (Member(id=new_id("mem"), organisation_id=c.id, user_id=ada.id) for c in (company, former))
    company.add(here)
    former.add(there)
    owner = company.caller(company.member(("owner", "*")))
    company.give(("admin", "*"), member_id=here.id)
    said = {"name": "Theirs", "scopes": {"*": ["models.read"]}, "expires_in_days": 1}
    key = company.caller(here).post("/v1/api-keys", json=said)
    assert key.status_code == 201, key.text
    assert owner.delete(f"/v1/api-keys/{key.json()['id']}").status_code == 204
    for member in (here, company.member()):
        assert owner.put(f"/v1/members/{member.id}/roles", json={"roles": [VIEWER]}).status_code == 200
    assert former.caller(former.member(("owner", "*"))).delete(f"/v1/members/{there.id}").status_code == 204
    found = rows.within(kernel.settings, lambda s: service.export(s, ada.id, ada.id, "of their own accord"))
    told = [(e["type"].removeprefix("organisations."), e["data"]["actor_id"] == ada.id)
            for e in found.events if e["type"].startswith("organisations.")]  # fmt: skip
    assert told == [
        ("api_key.created", True), ("api_key.changed", False), ("member.changed", False), ("member.removed", False)
    ]  # fmt: skip


def test_an_export_opens_nothing_that_is_anothers(people: PeopleOf, kernel: Kernel) -> None:
    """Of what somebody did to others it tells that they did, without what is sealed for those."""
    company = Company(kernel)
    boss = company.member(("owner", "*"))
    ada = people.make()
    here = Member(id=new_id("mem"), organisation_id=company.id, user_id=ada.id)
    company.add(here)
    reason = f"they asked from {ada.email}"
    assert company.caller(boss).post(f"/v1/members/{here.id}:export", json={"reason": reason}).status_code == 200

    def seen(user_id: str) -> list[str]:
        found = rows.within(kernel.settings, lambda s: service.export(s, user_id, user_id, "of their own accord"))
        return [e["data"]["reason"] for e in found.events if e["data"].get("person_id") == ada.id]

    assert seen(boss.user_id) == [OTHERS]
    assert seen(ada.id) == [reason]


def followed(kernel: Kernel, organisation: str) -> Any:
    """Whether the chain holds: an erasure changes no entry."""

    async def verified(session: Session) -> Any:
        verifier = Verifier()
        async for some in audit.entries(session, organisation):
            if broken := verifier.follow(some):
                return broken
        return None

    return rows.within(kernel.settings, verified)


def test_whose_person_it_is(people: PeopleOf, kernel: Kernel) -> None:
    """Not somebody whom another organisation has too, nobody of another organisation, nobody stronger, not the last owner."""
    company, other = Company(kernel), Company(kernel)
    boss = company.member(("owner", "*"))
    owner = company.caller(boss)
    ada = people.make()
    here, there = (Member(id=new_id("mem"), organisation_id=c.id, user_id=ada.id) for c in (company, other))
    company.add(here)
    other.add(there)
    refused = owner.post(f"/v1/members/{here.id}:erase", json={"reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "belongs_elsewhere")
    assert owner.post(f"/v1/members/{here.id}:export", json={"reason": "x"}).status_code == 409
    assert owner.post(f"/v1/members/{there.id}:erase", json={"reason": "x"}).status_code == 404
    assert owner.post(f"/v1/members/{there.id}:export", json={"reason": "x"}).status_code == 404
    last = owner.post(f"/v1/members/{boss.id}:erase", json={"reason": "x"})
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")
    # nor if the others who own it cannot sign in
    idle = company.member(("owner", "*"))
    rows.within(kernel.settings, lambda s: directory.deactivate(s, idle.user_id))
    assert owner.post(f"/v1/members/{boss.id}:erase", json={"reason": "x"}).json()["code"] == "last_owner"
    assert owner.post(f"/v1/members/{idle.id}:erase", json={"reason": "x"}).status_code == 201
    assert owner.get("/v1/members").status_code == 200
    role = company.role("privacy.erase", "privacy.export")
    officer = company.caller(company.member((role.id, "*")))
    strong = company.member(("admin", "*"))
    assert officer.post(f"/v1/members/{strong.id}:erase", json={"reason": "x"}).status_code == 403
