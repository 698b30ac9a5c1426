"""HTTP of identity: what sends a browser to the page where one signs in."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from api.identity.sessions import SignInNeededError
from api.kernel.routing import Router
from nexus.settings import Settings

router = Router(include_in_schema=False)


def start(app: FastAPI, settings: Settings) -> None:
    @app.exception_handler(SignInNeededError)
    async def signin_needed(request: Request, error: SignInNeededError) -> RedirectResponse:
        return RedirectResponse(error.go_to, 303, headers={"Cache-Control": "no-store"})
