"""An API with the kernel under it, and callers of any organisation, workspace and permissions."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import httpx
import psycopg
from fastapi import APIRouter, FastAPI, Request

from api.app import create_app
from api.kernel.principal import EVERYTHING, Principal
from api.kernel.routing import Index
from nexus import postgres
from nexus.db.migrate import migrate
from nexus.ids import new_id
from nexus.ports import free_port
from nexus.settings import Settings
from tests.api.running import running

_numbers = itertools.count(1)
#: Made once: reading the certificates of the world takes longer than most requests.
TLS = httpx.create_ssl_context()
#: From where a proxy asks.
PROXY = "127.0.0.2"


class Subjects:
    """An authenticator like that of any slice: recognises the tokens that a test has given out."""

    def __init__(self) -> None:
        self.known: dict[str, Principal] = {}

    async def authenticate(self, request: Request) -> Principal | None:
        return self.known.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    def give(self, principal: Principal) -> str:
        token = "tst_" + secrets.token_hex(8)
        self.known[token] = principal
        return token


class Caller(httpx.Client):
    """A client with a credential."""

    def __init__(self, kernel: Kernel, principal: Principal) -> None:
        token = kernel.subjects.give(principal)
        headers = {"Authorization": f"Bearer {token}"}
        super().__init__(base_url=kernel.address, timeout=20, verify=TLS, headers=headers)
        self.kernel = kernel
        self.principal = principal
        self.workspace = min(principal.workspaces, default="")

    def events(self) -> list[str]:
        """Types of the events of its workspace, in the order of the log."""
        rows = self.kernel.sql("select type from app.events where workspace_id = %s order by position", self.workspace)
        return [row[0] for row in rows]


class Kernel:
    """A served application, its settings, and a door to its database as the one who owns it."""

    def __init__(self, address: str, app: FastAPI, settings: Settings, subjects: Subjects) -> None:
        self.address, self.app, self.settings, self.subjects = address, app, settings, subjects
        self._callers: list[httpx.Client] = []

    def caller(
        self,
        *,
        permissions: Collection[str] = (EVERYTHING,),
        workspaces: Collection[str] | None = None,
        organisation: str | None = None,
        grants: Mapping[str, frozenset[str]] | None = None,
        id: str | None = None,
        kind: Literal["user", "service", "api_key", "local"] = "user",
    ) -> Caller:
        """A caller of a workspace (and organisation) that nobody else has, unless told which.

        It has `permissions` everywhere, or exactly `grants`.
        """
        where = workspaces if workspaces is not None else [f"ws-{secrets.token_hex(6)}"]
        principal = Principal(
            kind=kind,
            id=id or new_id("usr"),
            organisation=organisation or new_id("org"),
            workspaces=frozenset(where),
            grants={"*": frozenset(permissions)} if grants is None else grants,
        )
        made = Caller(self, principal)
        self._callers.append(made)
        return made

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement that sees everything."""
        with psycopg.connect(postgres.dsn(self.settings), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def offering(self, router: APIRouter) -> Iterator[Kernel]:
        """The same, with what `router` offers, as `create_app` puts in a slice; afterwards nobody finds it any more."""
        app = self.app
        before = list(app.router.routes), list(app.state.routes)
        app.router.routes[:] = [Index(router.routes), *app.router.routes, *router.routes]
        app.state.routes += router.routes
        app.openapi_schema = None
        try:
            yield self
        finally:
            app.router.routes[:], app.state.routes[:] = before
            app.openapi_schema = None

    def tenant_table(self, name: str, columns: str) -> None:
        """A table of tenants in `app`, as a migration of a slice makes it. Who made it drops it."""
        for statement in (
            f"create table app.{name} (workspace_id text not null, {columns})",
            f"alter table app.{name} enable row level security",
            f"alter table app.{name} force row level security",
            f"alter table app.{name} owner to nexus_owner",
            f"create policy tenant on app.{name} to nexus_api"
            " using (workspace_id = (select nullif(current_setting('app.workspace', true), '')))",
            f"grant select, insert on app.{name} to nexus_api",
        ):
            self.sql(statement)

    def close(self) -> None:
        for caller in self._callers:
            caller.close()


@contextmanager
def serve(settings: Settings) -> Iterator[Kernel]:
    """The whole API over a migrated database."""
    migrate(settings)
    # the application says its own address, in tokens and links
    # and lets tenants name receivers of this machine, and has a proxy at another address of it
    own = {"egress_allow": "127.0.0.1/32", "egress_ports": "1-65535", "proxies": f"{PROXY}/32"}
    settings = settings.model_copy(update={"api_port": free_port(), **own})
    subjects = Subjects()
    app = create_app(settings)
    app.state.authenticators.insert(0, subjects)
    with running(app, settings.api_port) as address:
        kernel = Kernel(address, app, settings, subjects)
        yield kernel
        kernel.close()


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)
