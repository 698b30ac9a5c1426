"""A slice as `nexus new domain` makes it, and the same by hand without a kernel: what the rows of the API ask.

Belongs here: both applications over one table. Does not belong here: asking them (rows/api_post.py, rows/api_get.py).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import asyncpg
import psycopg
from fastapi import Depends, FastAPI, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped, mapped_column

from api.app import create_app
from api.identity import directory
from api.kernel.idempotency import DirectKey
from api.kernel.ids import id_field, path_id
from api.kernel.permissions import permission, requires
from api.kernel.preconditions import tag
from api.kernel.principal import Principal
from api.kernel.routing import Index, Router
from api.kernel.text import printable
from api.kernel.transactions import DirectTransaction
from api.organisations import keys
from api.organisations.models import ApiKey, Assignment, Member
from api.problems import CREATED, GUARDED
from api.serving import settle
from nexus import postgres
from nexus.db import Base, Database, Organisation, Tenant, Timestamps, Versioned, Workspace
from nexus.db.direct import Direct
from nexus.db.migrate import migrate
from nexus.db.roles import SCHEMA
from nexus.errors import NotFoundError
from nexus.events import Event
from nexus.ids import new_id
from nexus.settings import Settings, get_settings

WORKSPACE = "bench"
_TABLE = """
create table app.bench_note (
  id text primary key, workspace_id text not null, title text not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(), version bigint not null
);
alter table app.bench_note owner to nexus_owner;
alter table app.bench_note enable row level security;
alter table app.bench_note force row level security;
create policy tenant on app.bench_note to nexus_api
  using (workspace_id = (select nullif(current_setting('app.workspace', true), '')))
  with check (workspace_id = (select nullif(current_setting('app.workspace', true), '')));
grant select, insert, update, delete on app.bench_note to nexus_api
"""


_COLUMNS = "id, title, created_at, updated_at, version"
_INSERT = f"insert into app.bench_note (id, workspace_id, title, version) values ($1, $2, $3, 1) returning {_COLUMNS}"
_SELECT = f"select {_COLUMNS} from app.bench_note where id = $1"


class Unmigrated(Base):
    """Models of slices that only a bench or a test has: their tables are no part of the schema that migrations make."""

    __abstract__ = True
    metadata = MetaData(schema=SCHEMA)


class Note(Timestamps, Versioned, Unmigrated):
    __tablename__ = "bench_note"

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    title: Mapped[str]


class NoteCreated(Event, type="bench.note.created"):
    note_id: str
    title: str


class NoteIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str = id_field("note")
    title: str
    created_at: datetime
    updated_at: datetime
    version: int


class NoteService:
    def __init__(self, session: Direct) -> None:
        self._session = session

    def create(self, workspace: str, said: NoteIn) -> Note:
        made = Note(id=new_id("note"), workspace_id=workspace, title=said.title)
        self._session.add(made)
        self._session.record(NoteCreated(note_id=made.id, title=said.title), expected_version=0)
        return made

    async def get(self, id: str) -> Note:
        found = await self._session.get(Note, id)
        if found is None:
            raise NotFoundError("there is no such note")
        return found


async def _service(session: DirectTransaction) -> NoteService:
    return NoteService(session)


Notes = Annotated[NoteService, Depends(_service)]


def nexus() -> FastAPI:
    """The whole API with one more slice."""
    read = permission("bench.note.read", "See notes", least="viewer")
    write = permission("bench.note.write", "Write notes", least="analyst")
    Reader = Annotated[Principal, requires(read)]
    Writer = Annotated[Principal, requires(write)]
    router = Router(prefix="/v1/notes", responses=GUARDED)

    async def create(said: NoteIn, caller: Writer, key: DirectKey, notes: Notes, response: Response) -> NoteOut:  # type: ignore[valid-type]
        made = NoteOut.model_validate(notes.create(caller.workspace, said))  # type: ignore[attr-defined]
        response.headers["Location"] = f"/v1/notes/{made.id}"
        tag(response, made.version)
        return made

    async def get(
        note_id: Annotated[str, path_id("note")], caller: Reader, notes: Notes, response: Response
    ) -> NoteOut:  # type: ignore[valid-type]
        found = NoteOut.model_validate(await notes.get(note_id))
        tag(response, found.version)
        return found

    for endpoint in (create, get):
        endpoint.__annotations__ |= {"caller": Writer if endpoint is create else Reader, "said": NoteIn}
    router.add_api_route("", create, methods=["POST"], status_code=201, responses=CREATED)
    router.add_api_route("/{note_id}", get, methods=["GET"])
    app = create_app(get_settings())
    app.router.routes.insert(0, Index(router.routes))
    app.router.routes.extend(router.routes)
    app.state.routes += router.routes
    # as when it is served
    settle()
    return app


def bare() -> FastAPI:
    """FastAPI and asyncpg: the same rows, no caller, no tenant, no key, no event, no trace."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["NEXUS_DATABASE_URL"], min_size=20, max_size=20) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/notes", status_code=201)
    async def create(said: NoteIn) -> NoteOut:
        row = await app.state.pool.fetchrow(_INSERT, new_id("note"), WORKSPACE, said.title)
        return NoteOut.model_validate(dict(row))

    @app.get("/v1/notes/{note_id}")
    async def get(note_id: str) -> NoteOut:
        row = await app.state.pool.fetchrow(_SELECT, note_id)
        return NoteOut.model_validate(dict(row))

    return app


def prepare(settings: Settings) -> str:
    """Database with the table, a company in it, and the key of its owner, which is returned."""
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        for statement in _TABLE.split(";"):
            connection.execute(statement.encode())
    return asyncio.run(_company(settings))


async def _company(settings: Settings) -> str:
    database, key, organisation = Database(settings, pool_size=2), keys.new(), new_id("org")
    async with database.system(Tenant(organisation)) as session:
        person = await directory.create(session, email="owner@bench.example", name="Owner")
        member = Member(id=new_id("mem"), organisation_id=organisation, user_id=person.id)
        rows: tuple[Any, ...] = (
            Organisation(id=organisation, name="Bench"),
            Workspace(id=WORKSPACE, organisation_id=organisation, name="Bench"),
            member,
            Assignment(
                id=new_id("asg"), organisation_id=organisation, member_id=member.id, role="owner", scope="*",
                created_by="bench",
            ),
            ApiKey(
                id=new_id("key"), organisation_id=organisation, name="Bench", prefix=key.prefix, hash=key.hash,
                member_id=member.id, scopes={"*": ["*"]}, created_by="bench",
                expires_at=datetime.now(UTC) + timedelta(hours=2),
            ),
        )  # fmt: skip
        for row in rows:
            session.add(row)
            await session.flush()
    await database.close()
    return key.text


def fill(settings: Settings, number: int) -> list[str]:
    """Notes to be read; their ids."""
    ids = [new_id("note") for _ in range(number)]
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute(
            "insert into app.bench_note (id, workspace_id, title, version)"
            " select id, %s, 'note ' || n, 1 from unnest(%s::text[]) with ordinality as t (id, n)",
            (WORKSPACE, ids),
        )
    return ids


def rows(settings: Settings) -> dict[str, int]:
    """What is in the database: notes, events of notes, kept keys, spans of requests."""
    counts = {
        "notes": "app.bench_note",
        "events": "app.events where type = 'bench.note.created'",
        "keys": "app.idempotency_key",
        "spans": "app.span where kind = 'server'",
    }
    found = {}
    with psycopg.connect(postgres.dsn(settings)) as connection:
        for name, table in counts.items():
            row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
            found[name] = int(row[0]) if row else 0
    return found


def shown(bodies: list[bytes]) -> list[Any]:
    """Answers without what no two runs have in common."""
    return [
        sorted((n, v if n in {"title", "version"} else type(v).__name__) for n, v in json.loads(b).items())
        for b in bodies
    ]
