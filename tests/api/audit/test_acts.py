"""Every administrative route leaves an entry of what it did; the routes come from the application, so a new one is covered by itself."""

from __future__ import annotations

import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.audit import repository
from api.audit.chain import Verifier
from api.kernel.permissions import Permission
from api.organisations.models import Domain, Member
from api.organisations.service.domains import record_name, record_value
from api.sso.models import Link
from nexus import operations
from nexus.db import Session, Tenant
from nexus.ids import new_id
from tests.api.bodies import Bodies
from tests.api.identity import people
from tests.api.kernel import Caller, Kernel
from tests.api.organisations.company import Company
from tests.api.organisations.test_joining import zone
from tests.api.sagas import driving
from tests.api.sagas.test_sagas import declared
from tests.api.scim.conftest import Directory
from tests.api.test_every_route import DECLARED, DOCUMENT, OPERATIONS

__all__ = ["declared", "zone"]
#: Routes that change nothing, so there is nothing to write down; and those of another protocol, which a test of their own asks.
ASKS = {
    "POST /v1/authz:check": "a question",
    "POST /v1/access-review:replay": "a question",
    "POST /v1/sso/connections/{connection_id}:test": "a question",
    **dict.fromkeys(
        (f"{m} {p}" for m, p, _ in OPERATIONS if p.startswith("/scim/")), "test_directories_leave_entries_too, below"
    ),
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


class Setting:
    """What routes need that no route of the API makes: how each is prepared, and the ids that it is asked about then."""

    def __init__(self, company: Company, boss: Member, zone: dict[str, list[str]]) -> None:
        self.company, self.boss, self.zone = company, boss, zone

    def ids(self, route: str, known: dict[str, str]) -> dict[str, str]:
        prepare = self.WAYS.get(route)
        return known | (prepare(self, known) or {} if prepare else {})

    def _consent(self, known: dict[str, str]) -> None:
        agreed = "insert into app.oidc_consent (user_id, client_id, scopes) values (%s, %s, '{openid}')"
        self.company.kernel.sql(agreed, self.boss.user_id, known["client"])

    def _somebody_to_spare(self, known: dict[str, str]) -> dict[str, str]:
        return {"mem": self.company.member(("viewer", self.company.one)).id}

    def _came_from_elsewhere(self, known: dict[str, str]) -> None:
        here = {"organisation_id": self.company.id, "connection_id": known["cnx"], "user_id": known["usr"]}
        self.company.add(Link(id=new_id("lnk"), subject="theirs", **here))

    def _long_work(self, known: dict[str, str]) -> dict[str, str]:
        async def begun(session: Session) -> str:
            await session.act_for(Tenant(self.company.id, self.company.one))
            return (await operations.begin(session, "probe.long", str(self.boss.user_id))).id

        return {"op": self.company.within(begun)}

    def _under_way(self, known: dict[str, str]) -> dict[str, str]:
        return {"sag": driving.begun(self.company.kernel, Tenant(self.company.id), "probe.stuck")}

    def _stuck(self, known: dict[str, str]) -> dict[str, str]:
        found = self._under_way(known)
        assert driving.driven(self.company.kernel, found["sag"]) == "stuck"
        return found

    def _proof(self, known: dict[str, str]) -> None:
        rows = self.company.kernel.sql("select name, proof from app.organisations_domain where id = %s", known["dom"])
        self.zone[record_name(rows[0][0])] = [record_value(rows[0][1])]

    def _given_up(self, known: dict[str, str]) -> None:
        self.company.kernel.sql(
            "insert into app.webhooks_delivery (id, organisation_id, endpoint_id, event_id, event_type, state, next_at, finished_at)"
            " values (%s, %s, %s, 'evt_given_up', 'probe', 'failed', null, now())",
            new_id("dlv"), self.company.id, known["whk"],
        )  # fmt: skip

    WAYS: ClassVar = {
        "DELETE /v1/me/applications/{client_id}": _consent,
        "POST /v1/members/{member_id}:erase": _somebody_to_spare,
        "POST /v1/sso/connections/{connection_id}:unlink": _came_from_elsewhere,
        "POST /v1/operations/{operation_id}:cancel": _long_work,
        "POST /v1/sagas/{saga_id}:cancel": _under_way,
        **dict.fromkeys((f"POST /v1/sagas/{{saga_id}}:{verb}" for verb in ("abandon", "retry", "skip")), _stuck),
        "POST /v1/domains/{domain_id}:verify": _proof,
        "POST /v1/webhooks/endpoints/{endpoint_id}:recover": _given_up,
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


def test_every_administrative_route_leaves_an_entry(
    kernel: Kernel, company: Company, zone: dict[str, list[str]], declared: None
) -> None:
    boss = company.member(("owner", "*"), is_break_glass=True)
    other = company.member(("viewer", company.one))
    owner: Caller = company.caller(boss)
    owner.headers["X-Nexus-Workspace"] = company.one
    proved = f"{secrets.token_hex(4)}.example"
    company.add(
        Domain(id=new_id("dom"), organisation_id=company.id, name=proved, proof="x", verified_at=boss.created_at)
    )
    ids = {"mem": other.id, "usr": other.user_id, "org": company.id}
    setting = Setting(company, boss, zone)
    silent: list[str] = []
    again: set[tuple[str, str]] = set()
    # what needs something that is made after it is asked again
    waiting = list(ACTS)
    while waiting:
        method, path, operation = waiting.pop(0)
        bodies = Bodies(
            DOCUMENT, setting.ids(f"{method} {path}", ids), company.one, f"audit{secrets.token_hex(3)}", least=True
        )
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
