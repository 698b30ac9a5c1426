"""A slice of short requests, its tables, and a member who asks it with a key that this API has seen before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Response
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.kernel.idempotency import DirectKey, unkeyed
from api.kernel.limits import limit
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.reading import Reads
from api.kernel.routing import Router
from api.kernel.transactions import DirectTransaction
from bench.notes import Unmigrated
from nexus.db import Timestamps, Versioned, objects
from nexus.db.connections import Connections
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
    thing: str | None = None
    workspace: str | None = None
    expected: int | None = None
    then: str = ""


@router.post("", status_code=201, dependencies=[LIMIT])
async def make(said: Said, caller: Writer, key: DirectKey, session: DirectTransaction, response: Response) -> Any:
    session.insert("app.short", workspace_id=said.workspace or caller.workspace, name=said.name)
    session.record(Made(thing_id=said.thing or said.name), expected_version=said.expected)
    if said.then == "refuse":
        raise ConflictError("no")
    response.headers["Location"] = f"{PATH}/{said.name}"
    return {"name": said.name}


@router.post("/after-a-look", status_code=201)
async def make_after_a_look(said: Said, caller: Writer, key: DirectKey, session: DirectTransaction) -> Any:
    found = await session.row("select count(*) from app.short")
    session.insert("app.short", workspace_id=caller.workspace, name=said.name)
    return {"before": found and found[0]}


#: What happens between the look and the writing of the endpoint below.
meanwhile: list[Callable[[], object]] = []


@router.post("/read-then-add", status_code=201, dependencies=[unkeyed("a test")])
async def make_after_a_reading(said: Said, caller: Writer, session: DirectTransaction) -> Any:
    found = await session.read("select name from app.short")
    for call in meanwhile:
        await asyncio.to_thread(call)
    if said.then == "open":
        await session.row("select name from app.short where name = $1", said.name)
    session.insert("app.short", workspace_id=caller.workspace, name=said.name)
    return {"before": len(found)}


@router.get("/{name}")
async def get(name: str, caller: Writer, session: DirectTransaction) -> dict[str, Any]:
    found = await session.read("select name, workspace_id from app.short where name = $1", name)
    if not found:
        raise NotFoundError("there is no such thing")
    return {name: found[0][name] for name in ("name", "workspace_id")}


class Thing(Timestamps, Versioned, Unmigrated):
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
    with kernel.offering(router):
        yield kernel
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
