"""The pages of one's own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from api.identity import account as rules
from api.identity import cookies, factors, sessions
from api.identity.endpoints.common import Field, LifetimesOfApp, PasswordsOfApp, WayOn, go, minutes, router
from api.identity.forms import from_our_page
from api.identity.models import SessionRow
from api.identity.pages import page, way_on
from api.identity.passwords import WeakPasswordError
from api.identity.repository import sessions as rows
from api.identity.sessions import Browser, BrowserSession, SignedIn
from api.identity.signin import SignInRefusedError, ThrottledError
from api.kernel.idempotency import unkeyed
from api.kernel.ids import pattern
from api.kernel.transactions import database

_FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]
_NOTICES = {
    "password": "Your password is changed. Every other browser is signed out.",
    "ended": "That browser is signed out.",
    "others": "Every other browser is signed out.",
}


@router.get("/account")
async def account_page(request: Request, here: SignedIn, lifetimes: LifetimesOfApp, said: str = "") -> Response:
    account = await rules.shown(database(request), lifetimes, here)
    return page(
        request,
        "identity/account.html",
        narrow=False,
        account=account,
        notice=_NOTICES.get(said),
        links=factors.links("ACCOUNT"),
    )


@router.post("/account/sessions/{session_id}/end", dependencies=_FORM)
async def end_session(
    request: Request, here: SignedIn, session_id: Annotated[str, Path(pattern=pattern("ses"))]
) -> Response:
    """One that is not theirs, or has ended, is none: the answer is the same. What was lost stands for no second factor."""
    async with database(request).system() as session:
        theirs = [SessionRow.id == session_id, *sessions.within_reach(here)]
        if await sessions.end(session, here.user_id, "revoked", *theirs) and session_id != here.id:
            await rows.distrust(session, here.user_id, of=session_id)
    return go("/account?said=ended" if session_id != here.id else "/signin?said=out")


@router.post("/account/sessions/end-others", dependencies=_FORM)
async def end_others(request: Request, here: SignedIn) -> Response:
    async with database(request).system() as session:
        await sessions.end(session, here.user_id, "revoked", SessionRow.id != here.id, *sessions.within_reach(here))
        await rows.distrust(session, here.user_id, but_of=here.id)
    return go("/account?said=others")


@router.get("/account/password")
async def password_page(request: Request, here: SignedIn, next: str = "") -> Response:
    return _page(request, here, next)


@router.post("/account/password", dependencies=_FORM)
async def change_password(
    request: Request, here: SignedIn, passwords: PasswordsOfApp, lifetimes: LifetimesOfApp,
    old: Field = "", password: Field = "", repeated: Field = "", next: WayOn = "",
) -> Response:  # fmt: skip
    if password != repeated:
        return _page(request, here, next, 422, {"repeated": "The two passwords are not the same."})
    try:
        secret = await rules.change_password(database(request), passwords, Browser.of(request), here, old, password)
    except SignInRefusedError:
        return _page(request, here, next, 403, {"old": "That is not your password."})
    except ThrottledError as error:
        said = f"{error.message} Try again in {minutes(error.wait)}."
        return _page(request, here, next, 429, {"old": said}, error.headers)
    except WeakPasswordError as error:
        return _page(request, here, next, 422, {"password": error.sentence})
    response = go(way_on(next, "/account?said=password"))
    cookies.put(request, response, cookies.SESSION, secret)
    return response


def _page(
    request: Request, here: BrowserSession, next: str, status: int = 200, errors: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    return page(
        request, "identity/password.html", status=status, errors=errors or {}, headers=headers, next=way_on(next, ""),
        must=here.must_change_password, least=request.app.state.settings.password_least, leads_out=bool(next),
    )  # fmt: skip
