"""Every endpoint, called by every kind of subject, with another tenant's ids in path, query and body: refused, nothing leaked,
nothing changed. So is whoever belongs to the organisation, and has a role in another of its workspaces.

The endpoints, their bodies and what they ask for come from the application: a new one is covered by itself. What it needs
for that: examples in the fields of its body (docs/adding-a-domain.md), so that one of each thing can be made here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.kernel.ids import pattern
from api.kernel.permissions import Permission, declared
from api.kernel.principal import EVERYTHING, EVERYWHERE
from api.organisations import roles
from nexus.ids import new_id
from tests.api.away import allowed, is_mistake
from tests.api.bodies import ID, MADE, Bodies
from tests.api.kernel import Caller, Kernel
from tests.api.organisations.company import Company

_APP = create_app()
DOCUMENT = _APP.openapi()
OPERATIONS = [
    (method.upper(), path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]
DECLARED = {
    (method, route.path_format): list(declared(route.dependant))
    for route in _APP.state.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
}
REFUSED = {401, 403, 404}
#: The same where an id is said in a query or a body: one that is nobody's here cannot be used. SCIM says so with 400 (RFC 7644, 3.12).
UNUSABLE = REFUSED | {422}
#: Kinds of ids in paths of which no plain request makes one: long work, and sagas (tests/api/sagas has theirs).
NOT_MADE = {"op", "sag"}
#: Parameters called `…_id` whose values have no prefix: a workspace's slug, and W3C's form of a trace.
WITHOUT_KIND = {"workspace_id", "trace_id"}


@dataclass
class Victim:
    """A company of which one of everything exists, and what of it nobody else may see."""

    company: Company
    owner: Caller
    ids: dict[str, str]
    word: str
    #: kinds of what bears the word in a text that people write
    telling: frozenset[str] = frozenset()

    def secrets(self) -> set[str]:
        return {self.word, self.company.one, self.company.two, self.company.id, *self.ids.values()}

    def events(self) -> int:
        query = "select count(*) from app.events where organisation_id = %s"
        return int(self.company.kernel.sql(query, self.company.id)[0][0])


@pytest.fixture(scope="module")
def victim(kernel: Kernel) -> Victim:
    company = Company(kernel)
    word = f"hidden{secrets.token_hex(6)}"
    boss, member = company.member(("owner", "*"), is_break_glass=True), company.member(("viewer", company.one))
    owner = company.caller(boss)
    ids = {"mem": member.id, "usr": member.user_id, "org": company.id}
    owner.headers["X-Nexus-Workspace"] = company.one
    telling: set[str] = set()
    for method, path, operation in OPERATIONS:
        if method == "POST" and "{" not in path and ":" not in path and path.startswith("/v1/"):
            for told in (True, False):
                # a text that means something is refused: then without the word
                bodies = Bodies(DOCUMENT, ids, company.one, word, least=True, told=told)
                answer = owner.post(path, **bodies.request(operation))
                if answer.status_code == 201:
                    break
            place = answer.headers.get("location", "").rpartition("/")[2]
            said = answer.json() if answer.status_code == 201 else {}
            for made in (said.get("id"), said.get("client_id"), place):
                if match := MADE.fullmatch(str(made)):
                    ids[match["prefix"]] = str(made)
                    telling |= {match["prefix"]} if bodies.has_told else set()
    [[ids["evt"]]] = kernel.sql("select id from app.events where organisation_id = %s limit 1", company.id)
    return Victim(company, owner, ids, word, frozenset(telling))


@pytest.fixture(scope="module")
def strangers(kernel: Kernel) -> Iterator[dict[str, Caller]]:
    """Callers of another company: one for each built-in role, one without any, one whose role counts in a workspace, and
    keys of somebody and of a service account."""
    company = Company(kernel)
    made = {role: company.caller(company.member((role, EVERYWHERE))) for role in roles.BUILT_IN}
    made["member"] = company.caller(company.member())
    made["analyst of a workspace"] = company.caller(company.member(("analyst", company.one)))
    for name, holder in (("key", {}), ("service account", {"service_account_id": _account(company)})):
        made[name] = kernel.caller(
            organisation=company.id, workspaces=[company.one, company.two], kind="service" if holder else "api_key"
        )
        said = {"name": name, "scopes": {EVERYWHERE: [EVERYTHING]}, "expires_in_days": 1, **holder}
        key = made["owner"].post("/v1/api-keys", json=said)
        assert key.status_code == 201, key.text
        made[name].headers["Authorization"] = f"Bearer {key.json()['key']}"
    for caller in made.values():
        caller.headers["X-Nexus-Workspace"] = company.one
    return made


def _account(company: Company) -> str:
    return company.service_account(("owner", EVERYWHERE)).id


@pytest.fixture(scope="module")
def colleague(victim: Victim) -> Caller:
    """Somebody of the same organisation, whose role counts in its other workspace."""
    company = victim.company
    made = company.caller(company.member(("admin", company.two)))
    made.headers["X-Nexus-Workspace"] = company.two
    return made


def asked(method: str, path: str) -> Permission | None:
    """The permission that a route needs; None if anybody may ask."""
    return next((d for d in DECLARED[method, path] if isinstance(d, Permission)), None)


def targets(victim: Victim, path: str, operation: dict[str, Any]) -> list[str]:
    """The path with the victim's ids, and the same with each query that takes one."""
    bodies = Bodies(DOCUMENT, victim.ids, victim.company.one, "x")
    target = bodies.path(path, operation)
    return [target, *(target + query for query in bodies.queries(operation))]


def sent(answer: httpx.Response) -> str:
    return f"{answer.request.url} {answer.request.content.decode(errors='replace')}"


def is_refused(answer: httpx.Response, method: str, path: str) -> bool:
    """Whether nothing came of an id that was said in a query or a body. What is listed by one that is nobody's here is nothing."""
    if answer.status_code == 200 and method == "GET" and answer.request.url.query:
        return bool(answer.json()["data"] == [])
    return answer.status_code in UNUSABLE | ({400} if path.startswith("/scim/") else set()) | allowed(method, path)


def kinds(operation: dict[str, Any]) -> set[str]:
    """Prefixes of the ids in an operation's path."""
    found = (ID.search(p["schema"].get("pattern", "")) for p in operation.get("parameters", ()) if p["in"] == "path")
    return {match["prefix"] for match in found if match}


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
def test_strangers(
    kernel: Kernel, victim: Victim, strangers: dict[str, Caller], method: str, path: str, operation: dict[str, Any]
) -> None:
    needed, told = asked(method, path), victim.events()

    def no_leak(answer: httpx.Response) -> None:
        leaked = {s for s in victim.secrets() if s in answer.text and s not in sent(answer)}
        assert not leaked, f"{leaked} in {answer.text}"
        assert not is_mistake(method, path, answer.status_code), answer.text

    for target in targets(victim, path, operation):
        with httpx.Client(base_url=kernel.address, timeout=20, follow_redirects=False) as nobody:
            for headers in (
                {},
                {"Authorization": "Bearer nxs_none"},
                {"Authorization": f"Bearer nxk_{'a' * 8}_{'A' * 43}"},
            ):
                body = Bodies(DOCUMENT, victim.ids, victim.company.one, "x").request(operation)
                answer = nobody.request(method, target, headers=headers, **body)
                no_leak(answer)
                assert needed is None or answer.status_code == 401, answer.text
        for name, caller in strangers.items():
            mine = caller.headers["X-Nexus-Workspace"]
            body = Bodies(DOCUMENT, victim.ids, mine, "x").request(operation)
            answer = caller.request(method, target, **body)
            no_leak(answer)
            if needed is None:
                continue
            if not caller.principal.allows(needed.name, mine if needed.scope == "workspace" else None):
                assert answer.status_code == 403, f"{name}: {answer.text}"
            elif kinds(operation):
                assert answer.status_code in REFUSED, f"{name}: {answer.text}"
            elif any(of in sent(answer) for of in victim.secrets()):
                assert is_refused(answer, method, path), f"{name}: {answer.status_code} {answer.text}"
            if needed.scope == "workspace":
                theirs = Bodies(DOCUMENT, victim.ids, victim.company.one, "x").request(operation)
                answer = caller.request(method, target, headers={"X-Nexus-Workspace": victim.company.one}, **theirs)
                no_leak(answer)
                assert answer.status_code == 403, f"{name}: {answer.text}"
    assert victim.events() == told, "a stranger changed something"


GUARDED = [one for one in OPERATIONS if asked(*one[:2])]


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED, ids=[f"{m} {p}" for m, p, _ in GUARDED])
def test_colleagues_of_another_workspace(
    victim: Victim, colleague: Caller, method: str, path: str, operation: dict[str, Any]
) -> None:
    """What is of a workspace is for those who have a role there, though the organisation is theirs too."""
    needed = asked(method, path)
    assert needed is not None
    company = victim.company

    def there() -> list[tuple[Any, ...]]:
        return company.kernel.sql("select count(*) from app.events where workspace_id = %s", company.one)

    told = there()
    for target in targets(victim, path, operation):
        answer = colleague.request(method, target, **Bodies(DOCUMENT, victim.ids, company.two, "x").request(operation))
        assert not is_mistake(method, path, answer.status_code), answer.text
        if needed.scope == "organisation":
            if not colleague.principal.allows(needed.name):
                assert answer.status_code == 403, answer.text
            continue
        assert victim.word not in answer.text
        if kinds(operation):
            assert answer.status_code in REFUSED, answer.text
        theirs = Bodies(DOCUMENT, victim.ids, company.one, "x").request(operation)
        refused = colleague.request(method, target, headers={"X-Nexus-Workspace": company.one}, **theirs)
        assert refused.status_code == 403, refused.text
        assert victim.word not in refused.text
    assert there() == told, "a colleague changed something of another workspace"


def test_every_id_says_its_kind() -> None:
    """By its pattern (`api.kernel.ids.path_id`): otherwise nobody's id would be tried there."""
    unknown = [
        f"{method} {path}: {parameter['name']}"
        for method, path, operation in OPERATIONS
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "path" and (parameter["name"] == "id" or parameter["name"].endswith("_id"))
        if parameter["name"] not in WITHOUT_KIND and not ID.search(parameter["schema"].get("pattern", ""))
    ]
    assert not unknown


@pytest.mark.parametrize("entity", ["note", "line_item", "level2"])
def test_ids_are_found_by_whatever_name_the_scaffold_takes(entity: str) -> None:
    found = ID.search(pattern(entity))
    assert found
    assert found["prefix"] == entity
    made = MADE.fullmatch(new_id(entity))
    assert made
    assert made["prefix"] == entity


def test_one_of_everything_was_there(victim: Victim) -> None:
    """Otherwise the test above would ask for what nobody has."""
    wanted = set().union(*(kinds(operation) for _, _, operation in OPERATIONS))
    missing = wanted - victim.ids.keys() - NOT_MADE
    assert not missing, f"no {missing} could be made from the examples of the OpenAPI document"
    for method, path, operation in OPERATIONS:
        if method == "GET" and kinds(operation) and not kinds(operation) & NOT_MADE:
            target = Bodies(DOCUMENT, victim.ids, victim.company.one, "x").path(path, operation)
            answer = victim.owner.get(target)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            assert not kinds(operation) & victim.telling or victim.word in answer.text, f"{path}: {answer.text}"
    assert {"grp", "role", "sva", "key", "client"} <= victim.telling


def test_roles_grow() -> None:
    """Each built-in role has what the weaker ones have, and owners have everything."""
    ranked = [roles.permissions(role) for role in ("member", "viewer", "analyst", "admin")]
    assert all(weaker <= stronger for weaker, stronger in pairwise(ranked))
    assert roles.permissions("owner") == {EVERYTHING}
