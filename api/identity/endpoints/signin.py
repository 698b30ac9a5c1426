"""The pages where one signs in and out."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Query, Request, Response

from api.identity import cookies, factors, realms, sessions
from api.identity import signin as rules
from api.identity.again import Again
from api.identity.endpoints.common import Field, LifetimesOfApp, PasswordsOfApp, WayOn, go, minutes, router, signed_in
from api.identity.forms import from_our_page
from api.identity.pages import page, way_on
from api.identity.repository import users
from api.identity.sessions import Browser, BrowserSession, MaybeSignedIn, TooManySessionsError
from api.identity.signin import SignInRefusedError, ThrottledError
from api.kernel.idempotency import unkeyed
from api.kernel.ids import pattern
from api.kernel.transactions import database

#: The step in which the address alone is asked; the way of who will not be led elsewhere.
FIRST, PASSWORD = "email", "password"
_FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]
_NOTICES = {
    "out": "You are signed out.",
    "reset": "Your new password is set. Sign in with it.",
}
#: Text in the address of the page.
Said = Annotated[str, Query(max_length=300)]


@router.get("/signin")
async def signin_page(
    request: Request, here: MaybeSignedIn, next: str = "", again: str = "", said: str = "",
    hint: Said = "", organisation: Said = "", by: Said = "",
) -> Response:  # fmt: skip
    """`hint` is an address that somebody is likely to have, `organisation` one by whose provider they are to sign in."""
    if here and not again:
        return go(way_on(next))
    async with database(request).system() as session:
        person = await users.find(session, here.user_id) if here else None
        way = None
        # whatever else stands there is none: the database would not even take just any text
        named = organisation if re.fullmatch(pattern("org"), organisation) else ""
        if by != PASSWORD and (wanted := named or _realm(here)):
            way = await realms.way(session, organisation=wanted)
        asks_first = by != PASSWORD and await realms.are_there(session)
    email = person.email if person else hint
    if way:
        return _to(way, next, again, email)
    return _page(request, next, again, email=email, notice=_NOTICES.get(said), asks_first=asks_first)


@router.post("/signin", dependencies=_FORM)
async def sign_in(
    request: Request, passwords: PasswordsOfApp, lifetimes: LifetimesOfApp,
    email: Field = "", password: Field = "", next: WayOn = "", again: Field = "", step: Field = "",
) -> Response:  # fmt: skip
    if step == FIRST and email.strip():
        return await _after_address(request, next, again, email)
    missing = {"email": "Write your e-mail address."} if not email.strip() else {}
    missing |= {"password": "Write your password."} if not password and step != FIRST else {}
    if missing:
        return _page(request, next, again, status=422, email=email, errors=missing, asks_first=step == FIRST)
    before = await sessions.found(request)
    try:
        made = await rules.by_password(
            database(request), passwords, lifetimes, Browser.of(request), email=email, password=password,
            device_secret=cookies.read(request, cookies.DEVICE), before=before[0] if before else None,
            is_trusting=not Again(again).needs_factor,
        )  # fmt: skip
    except SignInRefusedError as error:
        async with database(request).system() as session:
            elsewhere = await realms.asking(session, email)
        if elsewhere:
            # as for a password that is right: whoever guesses here learns nothing
            return page(request, "identity/elsewhere.html", status=403, leads_out=True, elsewhere=elsewhere)
        return _page(request, next, again, status=403, email=email, errors={"password": error.message})
    except ThrottledError as error:
        said = (
            f"{error.message} Try again in {minutes(error.wait)}, or in a browser in which you have signed in before, "
            "or set a new password."
        )
        return _page(request, next, again, status=429, headers=error.headers, email=email, errors={"email": said})
    except TooManySessionsError as error:
        said = f"You are signed in in as many browsers as you may be: {error.remedy}."
        return _page(request, next, again, status=403, email=email, errors={"email": said})
    on = way_on(next)
    return signed_in(request, made, f"{made.factor_path}?next={quote(on, safe='')}" if made.factor_path else on)


@router.get("/signout")
async def signout_page(request: Request, here: MaybeSignedIn) -> Response:
    return page(request, "identity/signout.html") if here else go("/signin")


@router.post("/signout", dependencies=_FORM)
async def sign_out(request: Request) -> Response:
    if before := await sessions.found(request):
        async with database(request).system() as session:
            await sessions.revoke(session, before[0].user_id, before[0].id, "signed_out")
    response = go("/signin?said=out")
    cookies.drop(request, response, cookies.SESSION)
    return response


def _page(
    request: Request, next: str, again: str, *, status: int = 200, email: str = "", notice: str | None = None,
    errors: dict[str, str] | None = None, headers: dict[str, str] | None = None, asks_first: bool = False,
) -> Response:  # fmt: skip
    return page(
        request, "identity/signin.html", status=status, leads_out=True, headers=headers,
        next=way_on(next, ""), again=Again(again), email=email, notice=notice, errors=errors or {},
        ways=factors.links("FIRST"), step=FIRST if asks_first else "",
    )  # fmt: skip


async def _after_address(request: Request, next: str, again: str, email: str) -> Response:
    """To the provider of the address's domain, or the same page for everybody else, whether anybody has the address."""
    async with database(request).system() as session:
        way = await realms.way(session, email=email)
    return _to(way, next, again, email.strip()) if way else _page(request, next, again, email=email)


def _to(way: str, next: str, again: str, email: str) -> Response:
    said = {"next": way_on(next, ""), "again": Again(again), "hint": email}
    return go(f"{way}?{urlencode({name: value for name, value in said.items() if value})}")


def _realm(here: BrowserSession | None) -> str:
    return (here.realm if here else None) or ""
