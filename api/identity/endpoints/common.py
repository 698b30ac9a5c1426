"""What the pages of identity share: their router, their files, what an application keeps for them, cookies of a sign-in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from fastapi.responses import FileResponse, RedirectResponse

from api.identity import cookies
from api.identity.passwords import Passwords
from api.identity.sessions import Lifetimes
from api.identity.signin import DEVICE_KEPT, SignedInBrowser
from api.kernel.permissions import public
from api.kernel.routing import Router
from nexus.errors import NotFoundError

router = Router(
    include_in_schema=False, dependencies=[public("a page says who may see it by asking for a session, or for none")]
)
FILES = {"style.css": "text/css", "passkey.js": "text/javascript"}
_FOLDER = Path(__file__).resolve().parents[1] / "files"
#: Text of a form's field. What is missing is empty, and refused by what it is for.
Field = Annotated[str, Form(max_length=2000)]
#: Where to go on: an authorisation request of a client is long.
WayOn = Annotated[str, Form(max_length=8000)]


async def _passwords(request: Request) -> Passwords:
    found: Passwords = request.app.state.passwords
    return found


async def _lifetimes(request: Request) -> Lifetimes:
    found: Lifetimes = request.app.state.lifetimes
    return found


PasswordsOfApp = Annotated[Passwords, Depends(_passwords)]
LifetimesOfApp = Annotated[Lifetimes, Depends(_lifetimes)]


@router.get("/signin/files/{name}")
async def file(name: str) -> FileResponse:
    if name not in FILES:
        raise NotFoundError("the pages have no such file")
    return FileResponse(_FOLDER / name, media_type=FILES[name], headers={"Cache-Control": "max-age=3600"})


def signed_in(request: Request, made: SignedInBrowser, path: str) -> RedirectResponse:
    """Sends the browser on, with the cookies of its session."""
    response = go(path)
    cookies.put(request, response, cookies.SESSION, made.session_secret)
    if made.device_secret:
        cookies.put(request, response, cookies.DEVICE, made.device_secret, DEVICE_KEPT)
    return response


def go(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def minutes(seconds: Any) -> str:
    """`a minute`, `4 minutes`."""
    whole = -(-int(seconds) // 60)
    return "a minute" if whole <= 1 else f"{whole} minutes"
