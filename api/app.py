"""The application: middleware, problem documents, and every slice that is found.

Belongs here: putting together. Does not belong here: any endpoint; `api/<domain>/endpoints.py` offers `router`, and
`start(app, settings)` if the domain keeps something for as long as the application lives, and `rest(app)` for when it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import ModuleType

from fastapi import FastAPI
from starlette.middleware import Middleware

from api import credentials, docs, openapi, problems
from api.guard import Guard
from api.kernel.limits import Told
from api.kernel.principal import authenticators
from api.kernel.routing import Index
from api.kernel.tracing import Traced
from nexus.db import Database
from nexus.limits import limiter
from nexus.settings import Settings, get_settings
from nexus.slices import modules
from nexus.telemetry.otlp import Exporter
from nexus.telemetry.spans import Writer

#: Bytes of a request; larger ones are refused with 413 however they are sent.
LARGEST_BODY = 1_000_000
DESCRIPTION = """
Predictions from the features of the published warehouse, and what providers post. Every answer but `/healthz`, `/readyz`,
these pages and webhooks, which are signed, needs a token: `nexus token` prints one, to be sent as `Authorization: Bearer …`.
It carries the workspaces it may read.
Errors are problem documents (RFC 9457). What will go says so in every answer: `Deprecation`, `Sunset`, and a `Link` to what
replaces it.
"""


def slices() -> list[ModuleType]:
    """The endpoints of every domain, by name."""
    return list(modules("endpoints").values())


def create_app(settings: Settings | None = None) -> FastAPI:
    """An application over the home of `settings`. Touches neither disk nor database until it starts."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        credentials.ensure(settings)
        for found in slices():
            if warm := getattr(found, "warm", None):
                warm(app)
        app.state.spans.start()
        yield
        for found in slices():
            if rest := getattr(found, "rest", None):
                await rest(app)
        await app.state.spans.stop()
        await app.state.limiter.store.close()
        await app.state.database.close()

    app = FastAPI(
        title="Nexus",
        version=version("nexus-platform"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        max_body_size=LARGEST_BODY,
        middleware=[Middleware(Guard, webhook_hosts=settings.webhook_hosts), Middleware(Told), Middleware(Traced)],
        responses=problems.RESPONSES,  # type: ignore[arg-type]
    )
    app.state.settings = settings
    app.state.tokens = credentials.Tokens(settings)
    app.state.database = Database(settings)
    app.state.limiter = limiter(settings)
    app.state.spans = Writer(app.state.database, Exporter.of(settings), deque())
    app.state.authenticators = authenticators(app)
    problems.install(app)
    openapi.install(app)
    docs.install(app)
    app.state.routes = list(app.routes)
    for found in slices():
        if start := getattr(found, "start", None):
            start(app, settings)
        # not `include_router`: it would match every path twice, and look at each slice in turn
        app.router.routes.extend(found.router.routes)
        app.state.routes += found.router.routes
    app.router.routes.insert(0, Index(app.state.routes))
    return app


app = create_app()
