"""The short way of a request: the caller is believed and proved by the one statement that does the work. A proof that fails
does nothing; what is asked then goes the long way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.identity import directory
from api.kernel import compared
from api.kernel.idempotency import DirectKey, unkeyed
from api.kernel.limits import limit
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.reading import Reads
from api.kernel.routing import Index, Route, Router
from api.kernel.transactions import DirectTransaction
from nexus.db import Base, Timestamps, Versioned, objects
from nexus.db.connections import Connections
from nexus.db.roles import SCHEMA
from nexus.errors import ConflictError, NotFoundError
from nexus.events import Event
from nexus.limits import TokenBucket
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company

# a permission that there is: a key carries no other
Writer = Annotated[Principal, requires(Permission("models.predict", "Predict", least="analyst"))]
router = Router(prefix="/v1/short")
PATH, KEY = "/v1/short", {"Idempotency-Key": "k"}
LIMIT = limit(TokenBucket("short", 1000, 3600))


class Made(Event, type="short.thing.made"):
    thing_id: str


class Said(BaseModel):
    name: str = "c"
    workspace: str | None = None
    expected: int | None = None
    then: str = ""


@router.post("", status_code=201, dependencies=[LIMIT])
async def make(said: Said, caller: Writer, key: DirectKey, session: DirectTransaction, response: Response) -> Any:
    session.insert("app.short", workspace_id=said.workspace or caller.workspace, name=said.name)
    session.record(Made(thing_id=said.name), expected_version=said.expected)
    if said.then == "refuse":
        raise ConflictError("no")
    response.headers["Location"] = f"{PATH}/{said.name}"
    return {"name": said.name}


@router.post("/after-a-look", status_code=201)
async def make_after_a_look(said: Said, caller: Writer, key: DirectKey, session: DirectTransaction) -> Any:
    found = await session.row("select count(*) from app.short")
    session.insert("app.short", workspace_id=caller.workspace, name=said.name)
    return {"before": found and found[0]}


@router.get("/{name}")
async def get(name: str, caller: Writer, session: DirectTransaction) -> dict[str, Any]:
    found = await session.read("select name, workspace_id from app.short where name = $1", name)
    if not found:
        raise NotFoundError("there is no such thing")
    return {name: found[0][name] for name in ("name", "workspace_id")}


class Apart(Base):
    """No migration makes its tables."""

    __abstract__ = True
    metadata = MetaData(schema=SCHEMA)


class Thing(Timestamps, Versioned, Apart):
    __tablename__ = "short_thing"

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    words: Mapped[dict[str, Any]] = mapped_column(JSONB)
    note: Mapped[str | None]
    count: Mapped[int] = mapped_column(default=7)
    place: Mapped[int] = mapped_column(server_default="1")


@router.post("/things", status_code=201)
async def make_a_thing(said: Said, caller: Writer, key: DirectKey, session: DirectTransaction) -> Any:
    place = {} if said.then == "leave out" else {"place": 2}
    made = Thing(id=said.name, workspace_id=said.workspace or caller.workspace, words={"say": [said.name]}, **place)
    session.add(made)
    return shown(made)


@router.post("/things/{name}:change", dependencies=[unkeyed("a test")])
async def change_a_thing(name: str, said: Said, caller: Writer, session: DirectTransaction) -> Any:
    found = await session.get(Thing, name, to_change=True)
    if found is None:
        raise NotFoundError("there is no such thing")
    if said.then == "remove":
        await session.remove(found)
    await session.change(found, words={"say": said.name}, note="changed")
    return shown(found)


@router.post("/things/{name}:remove", dependencies=[unkeyed("a test")])
async def remove_a_thing(name: str, caller: Writer, session: DirectTransaction) -> None:
    if found := await session.get(Thing, name, to_change=True):
        await session.remove(found)


@router.get("/things/{name}")
async def get_a_thing(name: str, caller: Writer, reads: Reads) -> Any:
    return shown(await reads.one(Thing, name, "thing"))


def shown(thing: Thing) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in objects.of(Thing).columns if name != "workspace_id"}


@router.post("/nothing", status_code=201)
async def nothing(caller: Writer, session: DirectTransaction) -> str:
    return "done"


@pytest.fixture(scope="module")
def short(kernel: Kernel) -> Iterator[Kernel]:
    kernel.tenant_table("short", "name text primary key")
    kernel.tenant_table(
        "short_thing",
        "id text primary key, words jsonb not null, note text, count int not null, place int not null default 1,"
        " created_at timestamptz not null, updated_at timestamptz not null, version bigint not null",
    )
    kernel.sql("grant update, delete on app.short_thing to nexus_api")
    # as the application does with the routes of slices
    kernel.app.router.routes.insert(0, Index(router.routes))
    kernel.app.state.routes += router.routes
    yield kernel
    kernel.app.router.routes.pop(0)
    kernel.sql("drop table app.short, app.short_thing")


class Asked:
    """Counts statements before a tenant is known: the long way."""

    def __init__(self, kernel: Kernel, patch: pytest.MonkeyPatch) -> None:
        self.lookups, self.statements = 0, 0
        lookups, once = kernel.app.state.database.lookups, Connections.once

        async def counting(connections: Connections, sql: str, values: Any) -> Any:
            if "pg_notify" not in sql:
                self.statements += 1
                self.lookups += connections is lookups
            return await once(connections, sql, values)

        patch.setattr(Connections, "once", counting)


class Here:
    """A member of a company of its own, and a key of theirs that this API has seen before."""

    def __init__(self, kernel: Kernel, patch: pytest.MonkeyPatch) -> None:
        self.kernel = kernel
        self.company = Company(kernel)
        self.member = self.company.member(("analyst", self.company.one))
        body = {"name": "k", "scopes": {self.company.one: ["models.predict", "models.read"]}, "expires_in_days": 1}
        made = self.company.caller(self.member).post("/v1/api-keys", json=body).json()
        self.key_id = made["id"]
        headers = {"Authorization": f"Bearer {made['key']}"}
        self.client = httpx.Client(base_url=kernel.address, timeout=20, headers=headers)
        assert self.client.get(f"{PATH}/none").status_code == 404
        self.asked = Asked(kernel, patch)

    def left(self) -> tuple[int, int]:
        """Rows and events of the workspace."""
        found = "select (select count(*) from app.short where workspace_id = %s), (select count(*) from app.events where workspace_id = %s and type = 'short.thing.made')"
        ((rows, events),) = self.kernel.sql(found, self.company.one, self.company.one)
        return rows, events


@pytest.fixture
def here(short: Kernel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    made = Here(short, monkeypatch)
    try:
        yield made
    finally:
        made.client.close()
    short.sql("delete from app.short")


def test_a_post_and_a_get_are_one_statement_each(here: Here) -> None:
    made = here.client.post(PATH, json={"name": "a", "expected": 0}, headers=KEY)
    assert (made.status_code, made.json(), made.headers["location"]) == (201, {"name": "a"}, f"{PATH}/a")
    assert (here.asked.statements, here.asked.lookups) == (1, 0)
    assert here.left() == (1, 1)
    assert here.client.get(f"{PATH}/a").json() == {"name": "a", "workspace_id": here.company.one}
    assert here.client.get(f"{PATH}/b").status_code == 404
    assert (here.asked.statements, here.asked.lookups) == (3, 0)


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_keys_that_cannot_be_used(here: Here, key: str) -> None:
    assert here.client.post(PATH, json={}, headers={"Idempotency-Key": key}).status_code == 400
    assert here.left() == (0, 0)


def test_a_key_that_is_sent_again(here: Here) -> None:
    first = here.client.post(PATH, json={"name": "a"}, headers=KEY)
    again = here.client.post(PATH, json={"name": "a"}, headers=KEY)
    assert (again.status_code, again.json(), again.headers["idempotent-replay"]) == (201, first.json(), "true")
    assert again.headers["location"] == first.headers["location"]
    reused = here.client.post(PATH, json={"name": "b"}, headers=KEY)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert here.left() == (1, 1)
    # the way that a request takes is not another request
    remaining = [
        int(r.headers["ratelimit"].split("r=")[1].split(";")[0]) for r in (first, again) if "ratelimit" in r.headers
    ]
    assert remaining[0] == 999
    nxt = here.client.post(PATH, json={"name": "c"})
    assert nxt.headers["ratelimit"].startswith('"short";r=996;')


@pytest.mark.parametrize(
    ("said", "status"),
    [({"then": "refuse"}, 409), ({"expected": 3}, 409), ({"name": "taken"}, 409), ({"workspace": "other"}, 500)],
)
def test_whatever_fails_leaves_nothing(here: Here, said: dict[str, Any], status: int) -> None:
    assert here.client.post(PATH, json={"name": "taken"}).status_code == 201
    assert here.client.post(PATH, json={"name": "x", **said}, headers=KEY).status_code == status
    assert here.left() == (1, 1)
    assert here.client.post(PATH, json={"name": "y"}, headers=KEY).status_code == 201
    assert here.asked.lookups == (said == {"then": "refuse"})


def test_rows_as_objects_of_their_models(here: Here) -> None:
    made = here.client.post(f"{PATH}/things", json={"name": "a"}, headers=KEY).json()
    assert (made["words"], made["note"], made["count"], made["place"], made["version"]) == (
        {"say": ["a"]}, None, 7, 2, 1,
    )  # fmt: skip
    assert here.client.get(f"{PATH}/things/a").json() == made
    assert (here.asked.statements, here.asked.lookups) == (2, 0)
    changed = here.client.post(f"{PATH}/things/a:change", json={"name": "b"}).json()
    assert changed == {
        **made,
        "words": {"say": "b"},
        "note": "changed",
        "version": 2,
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > made["updated_at"]
    assert here.client.get(f"{PATH}/things/a").json() == changed
    # what goes in the middle, goes on as it was
    assert here.client.post(f"{PATH}/things/a:change", json={"then": "remove"}).status_code == 409
    assert here.client.get(f"{PATH}/things/a").json() == changed
    assert here.client.post(f"{PATH}/things/a:remove").status_code == 200
    assert here.client.get(f"{PATH}/things/a").status_code == 404
    assert here.client.post(f"{PATH}/things", json={"name": "c", "then": "leave out"}).status_code == 500
    assert here.client.post(f"{PATH}/things", json={"name": "c", "workspace": "other"}).status_code == 500
    assert here.client.get(f"{PATH}/things/c").status_code == 404


REVOKED = "update app.organisations_api_key set revoked_at = now() where id = %s"
EXPIRED = "update app.organisations_api_key set expires_at = now() where id = %s"


@pytest.mark.parametrize("sql", [REVOKED, EXPIRED])
def test_a_key_that_ends_opens_nothing_from_then_on(here: Here, sql: str) -> None:
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    here.kernel.sql(sql, here.key_id)
    for answer in (
        here.client.get(f"{PATH}/a"),
        here.client.get(f"{PATH}/none"),
        here.client.post(PATH, json={"name": "b"}, headers=KEY),
        here.client.post(PATH, json={"name": "b"}),
        here.client.post(f"{PATH}/after-a-look", json={"name": "b"}),
        here.client.post(f"{PATH}/nothing"),
        # nor is it told what else is wrong
        here.client.post(PATH, json={"name": 1}),
        here.client.post(PATH, json={"then": "refuse"}),
    ):
        assert answer.status_code == 401, answer.text
    assert here.left() == (1, 1)


def test_what_its_holder_loses_the_key_loses(here: Here) -> None:
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    here.kernel.sql("delete from app.organisations_assignment where member_id = %s", here.member.id)
    # no role is left in any workspace, so there is none to be in
    assert here.client.get(f"{PATH}/a").status_code in {400, 403, 422}
    here.company.give(("viewer", here.company.one), member_id=here.member.id)
    assert here.client.post(PATH, json={"name": "b"}, headers=KEY).status_code == 403
    here.company.give(("analyst", here.company.one), member_id=here.member.id)
    assert here.client.post(PATH, json={"name": "b"}, headers=KEY).status_code == 201
    assert here.left() == (2, 2)


def test_a_person_who_may_not_sign_in_any_more(here: Here) -> None:
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    here.company.within(lambda s: directory.deactivate(s, here.member.user_id), everything=True)
    assert here.client.post(PATH, json={"name": "b"}).status_code == 401
    assert here.left() == (1, 1)


def test_use_is_noted_by_the_long_way(here: Here) -> None:
    query = "select last_used_at > now() - interval '30 seconds' from app.organisations_api_key where id = %s"
    here.kernel.sql(
        "update app.organisations_api_key set last_used_at = now() - interval '2 minutes' where id = %s", here.key_id
    )
    assert here.client.post(PATH, json={"name": "a"}).status_code == 201
    assert here.kernel.sql(query, here.key_id) == [(True,)]
    assert here.left() == (1, 1)


def test_a_transaction_that_looks_first_proves_first(here: Here) -> None:
    path = f"{PATH}/after-a-look"
    assert here.client.post(path, json={"name": "a"}, headers=KEY).json() == {"before": 0}
    assert here.client.post(path, json={"name": "a"}, headers=KEY).headers["idempotent-replay"] == "true"
    assert here.client.post(path, json={"name": "b"}).json() == {"before": 1}
    assert here.left() == (2, 0)


def test_fifty_clients_with_one_key(here: Here) -> None:
    answers: list[httpx.Response] = []
    headers = {**KEY, **here.client.headers}
    threads = [
        threading.Thread(
            target=lambda: answers.append(httpx.post(here.kernel.address + PATH, json={"name": "f"}, headers=headers))
        )
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency_key_in_flight"}
    assert len([a for a in answers if a.status_code == 201 and "idempotent-replay" not in a.headers]) == 1
    assert here.left() == (1, 1)


def test_its_routes_are_answered_by_their_plan() -> None:
    assert compared.fingerprint() == compared.COMPARED, compared.__doc__
    routes = [route for route in router.routes if isinstance(route, Route) and route.is_direct]
    assert len(routes) == len(router.routes)
    # an answer without a body is the framework's
    assert [route.name for route in routes if route._plan is None] == ["remove_a_thing"]


@pytest.mark.parametrize(
    "unknown",
    [
        ("COMPARED", "of before"),
        ("_STANDS_ON", {"fastapi.routing": ("gone",)}),
        ("_STANDS_ON", {"fastapi.gone": ("x",)}),
    ],
)
def test_a_framework_that_has_changed_answers_by_itself(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unknown: tuple[str, Any]
) -> None:
    monkeypatch.setattr(compared, *unknown)
    for route in router.routes:
        monkeypatch.delitem(route.__dict__, "_plan", raising=False)
    compared.is_known.cache_clear()
    try:
        made = here.client.post(PATH, json={"name": "a", "expected": 0}, headers=KEY)
        assert (made.status_code, made.json()) == (201, {"name": "a"})
        assert here.client.get(f"{PATH}/a").status_code == 200
        assert here.client.post(PATH, json={"name": 1}).status_code == 422
        assert [isinstance(r, Route) and r._plan for r in router.routes] == [None] * len(router.routes)
        assert caplog.text.count("requests are walked by FastAPI itself") == 1
        assert here.left() == (1, 1)
    finally:
        compared.is_known.cache_clear()
        for route in router.routes:
            route.__dict__.pop("_plan", None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"name": 1}',
        b'{"name": "a", "expected": "1"}',
        b'{"name": "a", "then": null, "workspace": 5}',
    ],
)
def test_a_plan_refuses_what_the_framework_refuses(here: Here, content: bytes) -> None:
    """The same body under a media type that is only the framework's to judge."""
    planned, framework = (
        here.client.post(PATH, content=content, headers={"Content-Type": kind, "X-Nexus-Workspace": "w" * n})
        for kind, n in (("application/json", 64), ("application/json; charset=utf-8", 64))
    )
    assert planned.status_code == framework.status_code
    assert planned.status_code in {400, 422}
    one, other = planned.json(), framework.json()
    assert {**one, "trace_id": 0} == {**other, "trace_id": 0}
    assert one["errors"]
    assert here.left() == (0, 0)
