"""Every administrative route leaves an entry of what it did; the routes come from the application, so a new one is covered by itself."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.audit import repository
from api.audit.chain import Verifier
from api.kernel.permissions import Permission
from api.organisations.models import Domain
from nexus.db import Session
from nexus.ids import new_id
from tests.api.bodies import Bodies
from tests.api.identity import people
from tests.api.kernel import Caller, Kernel
from tests.api.organisations.company import Company
from tests.api.scim.conftest import Directory
from tests.api.test_every_route import DECLARED, DOCUMENT, OPERATIONS

#: Routes that change nothing, so there is nothing to write down; and those that need what no test has here.
ASKS = {
    "POST /v1/authz:check": "a question",
    "POST /v1/sso/connections/{connection_id}:test": "a question",
    "POST /v1/sso/connections/{connection_id}:unlink": "needs somebody who came from elsewhere: tests/api/sso",
    **dict.fromkeys(
        (f"{m} {p}" for m, p, _ in OPERATIONS if p.startswith("/scim/")), "test_directories_leave_entries_too, below"
    ),
    **{f"POST /v1/sagas/{{saga_id}}:{verb}": "needs a saga that is stuck" for verb in ("abandon", "retry", "skip")},
    "POST /v1/members/{member_id}:erase": "tests/api/privacy has somebody to spare",
    "POST /v1/webhooks/endpoints/{endpoint_id}:recover": "nothing has failed here: tests/api/webhooks/test_sending.py",
    "POST /v1/operations/{operation_id}:cancel": "no slice begins long work yet",
    "POST /v1/domains/{domain_id}:verify": "tests/api/organisations/test_joining.py has a name server",
}

#: Where the examples would change nothing, or take what is taken.
SAID: dict[str, dict[str, Any]] = {
    "POST /v1/workspaces": {"json": {"id": f"third-{secrets.token_hex(4)}", "name": "Third"}},
    "PUT /v1/groups/{group_id}": {"json": {"name": "Renamed"}},
    "PUT /v1/groups/{group_id}/roles": {"json": {"roles": [{"role": "analyst", "scope": "*"}]}},
    "PUT /v1/members/{member_id}": {"json": {"status": "suspended", "is_break_glass": False}},
    "PUT /v1/roles/{role_id}": {"json": {"name": "Renamed", "permissions": ["models.read"]}},
    "PUT /v1/service-accounts/{service_account_id}": {"json": {"name": "Renamed"}},
    "PATCH /v1/webhooks/endpoints/{endpoint_id}": {"json": {"description": "another"}},
    "PUT /v1/service-accounts/{service_account_id}/roles": {"json": {"roles": [{"role": "analyst", "scope": "*"}]}},
}

#: What a route needs that no route of the API makes.
PREPARED: dict[str, Callable[[Kernel, str, dict[str, str]], Any]] = {
    "DELETE /v1/me/applications/{client_id}": lambda kernel, user_id, ids: kernel.sql(
        "insert into app.oidc_consent (user_id, client_id, scopes) values (%s, %s, '{openid}')", user_id, ids["client"]
    ),
}


def administrative(method: str, path: str) -> bool:
    needed = [d for d in DECLARED[method, path] if isinstance(d, Permission)]
    return method not in {"GET", "HEAD"} and any(p.is_administrative for p in needed)


#: What a change of a row says.
BEFORE_AND_AFTER = {"created": (False, True), "changed": (True, True), "removed": (True, False)}
#: Things are made first and removed last.
_ORDER = {"POST": 0, "PUT": 1, "PATCH": 1, "DELETE": 3}
ACTS = sorted(
    ((m, p, o) for m, p, o in OPERATIONS if administrative(m, p) and f"{m} {p}" not in ASKS),
    key=lambda act: (2 if ":" in act[1] else _ORDER[act[0]], act[1]),
)


@pytest.fixture(scope="module")
def company(kernel: Kernel) -> Company:
    return Company(kernel)


def entries(kernel: Kernel, organisation: str) -> list[dict[str, Any]]:
    rows = kernel.sql(
        "select body::jsonb from app.audit_entry where organisation_id = %s order by number", organisation
    )
    return [row[0] for row in rows]


def test_every_administrative_route_leaves_an_entry(kernel: Kernel, company: Company) -> None:
    boss = company.member(("owner", "*"), is_break_glass=True)
    other = company.member(("viewer", company.one))
    owner: Caller = company.caller(boss)
    owner.headers["X-Nexus-Workspace"] = company.one
    proved = f"{secrets.token_hex(4)}.example"
    company.add(
        Domain(id=new_id("dom"), organisation_id=company.id, name=proved, proof="x", verified_at=boss.created_at)
    )
    ids = {"mem": other.id, "usr": other.user_id, "org": company.id}
    silent: list[str] = []
    again: set[tuple[str, str]] = set()
    # what needs something that is made after it is asked again
    waiting = list(ACTS)
    while waiting:
        method, path, operation = waiting.pop(0)
        bodies = Bodies(DOCUMENT, ids, company.one, f"audit{secrets.token_hex(3)}", least=True)
        if prepare := PREPARED.get(f"{method} {path}"):
            prepare(kernel, str(boss.user_id), ids)
        before = len(entries(kernel, company.id))
        body = SAID.get(f"{method} {path}", bodies.request(operation))
        if method in {"PUT", "PATCH"} and "name" in body.get("json", {}):
            # another than it has, or nothing would change
            body["json"]["name"] = f"Renamed {secrets.token_hex(3)}"
        answer = owner.request(
            method,
            bodies.path(path, operation),
            headers={"X-Nexus-Reason": "a test"},
            **body,
        )
        if answer.status_code == 404 and method == "POST" and (method, path) not in again:
            again.add((method, path))
            waiting.insert(sum(m == "POST" and ":" not in p for m, p, _ in waiting), (method, path, operation))
            continue
        if not answer.is_success:
            silent.append(f"{method} {path}: {answer.text}")
            continue
        said = answer.json() if answer.content else {}
        for made in (said.get("id"), said.get("client_id")):
            if method == "POST" and (match := re.fullmatch(r"([a-z]+)_[0-9a-f]{32}", str(made))):
                ids[match[1]] = str(made)
        new = entries(kernel, company.id)[before:]
        if len(new) != 1:
            silent.append(f"{method} {path} left {len(new)} entries")
            continue
        entry = new[0]
        assert entry["action"] == f"{method} {path}"
        assert (entry["actor_kind"], entry["actor_id"], entry["reason"]) == ("user", boss.user_id, "a test")
        assert entry["changes"] or entry["events"], entry
        for change in entry["changes"]:
            told = (bool(change["before"]), bool(change["after"]))
            assert not change["key"] or told == BEFORE_AND_AFTER[change["did"]], change
        assert (
            entry["trace_id"] == answer.headers["x-trace-id"] if "x-trace-id" in answer.headers else entry["trace_id"]
        )
        assert entry["address"].startswith("sealed:1:")
        for secret in (said.get("key"), said.get("token"), said.get("client_secret")):
            assert not secret or str(secret) not in str(entry)
    assert not silent, "\n".join(silent)


def test_the_exceptions_are_routes() -> None:
    assert ASKS.keys() <= {f"{m} {p}" for m, p, _ in OPERATIONS}


def test_before_and_after_without_what_is_secret_or_personal(kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    group = owner.post("/v1/groups", json={"name": "Research"}).json()
    owner.put(f"/v1/groups/{group['id']}", json={"name": "Development"})
    invited = owner.post("/v1/invitations", json={"email": "ada@people.example", "roles": []})
    assert invited.status_code == 201, invited.text
    made, renamed, invitation = entries(kernel, company.id)
    change = next(c for c in renamed["changes"] if c["table"] == "organisations_group" and c["before"])
    assert (change["before"], change["after"]) == ({"name": "Research"}, {"name": "Development"})
    told = renamed["events"][0]["data"]
    assert (told["before"]["name"], told["after"]["name"]) == ("Research", "Development")
    row = invitation["changes"][0]["after"]
    assert (row["email"], row["token_hash"]) == ("(personal)", "(secret)")
    assert "ada@people.example" not in str(invitation)
    assert made["changes"][0]["did"] == "created"


def test_refusals_and_questions_leave_nothing(kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    assert owner.post("/v1/groups", json={"name": ""}).status_code == 422
    assert owner.delete(f"/v1/groups/{new_id('grp')}").status_code == 404
    check = {"permission": "models.read", "workspace": company.one}
    assert owner.post("/v1/authz:check", json={"checks": [check]}).status_code == 200
    assert owner.get("/v1/groups").status_code == 200
    assert entries(kernel, company.id) == []


def test_directories_leave_entries_too(kernel: Kernel) -> None:
    directory = Directory(kernel)
    user = directory.user()
    directory.change(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "Chief of Something"})
    directory.change(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    directory.delete(f"/Users/{user['id']}")
    key, *acts = entries(kernel, directory.company.id)
    assert key["action"] == "POST /v1/api-keys"
    assert [a["action"] for a in acts] == [
        "POST /scim/v2/Users", *["PATCH /scim/v2/Users/{id}"] * 2, "DELETE /scim/v2/Users/{id}"
    ]  # fmt: skip
    assert {a["actor_kind"] for a in acts} == {"service"}
    assert user["userName"] not in str(acts)
    assert "Chief" not in str(acts)
    assert any(c["table"] == "scim_user" and c["after"] == {"attributes": "(personal)"} for c in acts[1]["changes"])


def test_who_may_read_and_whose(kernel: Kernel) -> None:
    company, other = Company(kernel), Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    for number in range(5):
        assert owner.post("/v1/groups", json={"name": f"Group {number}"}).status_code == 201
    page = owner.get("/v1/audit", params={"limit": 3}).json()
    assert [e["number"] for e in page["data"]] == [5, 4, 3]
    rest = owner.get("/v1/audit", params={"limit": 3, "cursor": page["next_cursor"]}).json()
    assert ([e["number"] for e in rest["data"]], rest["has_more"]) == ([2, 1], False)
    assert page["data"][0]["address"] == "127.0.0.1"
    assert page["data"][0]["previous_hash"] == page["data"][1]["hash"]
    assert owner.get("/v1/audit", params={"action": "/v1/roles"}).json()["data"] == []
    assert len(owner.get("/v1/audit", params={"actor_id": owner.principal.id}).json()["data"]) == 5
    assert owner.get("/v1/audit", params={"since": "2199-01-01T00:00:00Z"}).json()["data"] == []
    assert company.caller(company.member(("viewer", "*"))).get("/v1/audit").status_code == 403
    stranger = other.caller(other.member(("owner", "*")))
    assert stranger.get("/v1/audit").json()["data"] == []


def test_many_at_once_make_one_chain(kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))

    def made(number: int) -> int:
        return owner.post("/v1/workspaces", json={"id": f"w{number}-{company.id[-20:]}", "name": "x"}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(made, range(16))) == {201}
    assert verified(kernel, company.id) == "16 entries"


def verified(kernel: Kernel, organisation: str) -> str:
    async def followed(session: Session) -> str:
        verifier = Verifier()
        async for some in repository.entries(session, organisation):
            if broken := verifier.follow(some):
                return f"broken at {broken.number}: {broken.why}"
        return f"{verifier.head[0]} entries"

    return people.within(kernel.settings, followed)


def test_nobody_changes_an_entry_and_whoever_does_is_noticed(kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*")))
    for number in range(4):
        owner.post("/v1/groups", json={"name": f"Group {number}"})
    for statement in ("update app.audit_entry set body = body", "delete from app.audit_entry"):
        for everything in (False, True):
            with pytest.raises(DBAPIError, match="permission denied"):
                company.within(lambda s, said=statement: s.execute(text(said)), everything=everything)
    with pytest.raises(psycopg.Error, match="append-only"):
        kernel.sql("delete from app.audit_entry where organisation_id = %s", company.id)
    assert verified(kernel, company.id) == "4 entries"
    # whoever owns the server can do anything: it shows
    kernel.sql("alter table app.audit_entry disable trigger append_only")
    try:
        kernel.sql(
            "update app.audit_entry set body = replace(body, 'Group 1', 'Group 9') where organisation_id = %s",
            company.id,
        )
    finally:
        kernel.sql("alter table app.audit_entry enable trigger append_only")
    assert verified(kernel, company.id) == "broken at 2: its content is not what was hashed"
