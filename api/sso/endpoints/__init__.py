"""HTTP of single sign-on: `/v1/sso/…` for who administers, pages under `/signin/sso/…` for browsers on their way."""

from __future__ import annotations

from fastapi import FastAPI

from api.kernel.routing import Router
from api.sso.endpoints import browser, connections
from api.sso.oidc import Providers
from nexus.settings import Settings

router = Router()
for found in (connections.router, connections.realms, browser.router):
    # not `include_router`: whoever looks at the routes of a slice would find them one floor deeper
    router.routes.extend(found.routes)


def start(app: FastAPI, settings: Settings) -> None:
    app.state.sso_providers = Providers(settings)
