"""HTTP of identity: the pages under `/signin` and `/account`. Pages, not an API: they are for browsers and not in /docs."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from api.identity import signin as rules
from api.identity.endpoints import account, reset, signin
from api.identity.endpoints.common import router
from api.identity.forms import ForeignFormError
from api.identity.pages import page
from api.identity.passwords import BusyError, Passwords
from api.identity.realms import SignInElsewhereError
from api.identity.sessions import Browser, Lifetimes, SignInNeededError
from api.kernel.transactions import database
from nexus.settings import Settings

__all__ = ["account", "reset", "router", "signin", "start"]


def start(app: FastAPI, settings: Settings) -> None:
    app.state.passwords = Passwords(settings)
    app.state.lifetimes = Lifetimes.of(settings)

    @app.exception_handler(SignInNeededError)
    async def signin_needed(request: Request, error: SignInNeededError) -> Response:
        return RedirectResponse(error.go_to, 303, headers={"Cache-Control": "no-store"})

    @app.exception_handler(SignInElsewhereError)
    async def elsewhere(request: Request, error: SignInElsewhereError) -> Response:
        async with database(request).system() as session:
            rules.failed(session, error.user_id, Browser.of(request), min(error.methods, default=""), error.code)
        return page(request, "identity/elsewhere.html", status=403, leads_out=True, elsewhere=error.elsewhere)

    @app.exception_handler(ForeignFormError)
    async def foreign(request: Request, error: ForeignFormError) -> Response:
        return page(request, "identity/refused.html", status=403, said=str(error.message), remedy=error.remedy)

    @app.exception_handler(BusyError)
    async def busy(request: Request, error: BusyError) -> Response:
        headers = dict(error.headers)
        return page(
            request, "identity/refused.html", status=503, headers=headers, said=error.message, remedy=error.remedy
        )
