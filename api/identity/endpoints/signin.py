"""The pages where one signs in and out."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request, Response

from api.identity import cookies, factors, sessions
from api.identity import signin as rules
from api.identity.endpoints.common import Field, LifetimesOfApp, PasswordsOfApp, WayOn, go, minutes, router, signed_in
from api.identity.forms import from_our_page
from api.identity.pages import page, way_on
from api.identity.repository import users
from api.identity.sessions import Browser, MaybeSignedIn, TooManySessionsError
from api.identity.signin import SignInRefusedError, ThrottledError
from api.kernel.idempotency import unkeyed
from api.kernel.transactions import database

_FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]
_NOTICES = {
    "out": "You are signed out.",
    "reset": "Your new password is set. Sign in with it.",
}


@router.get("/signin")
async def signin_page(
    request: Request, here: MaybeSignedIn, next: str = "", again: str = "", said: str = ""
) -> Response:
    if here and not again:
        return go(way_on(next))
    email = await _email(request, here.user_id) if here else ""
    return _page(request, next, again, email=email, notice=_NOTICES.get(said))


@router.post("/signin", dependencies=_FORM)
async def sign_in(
    request: Request, passwords: PasswordsOfApp, lifetimes: LifetimesOfApp,
    email: Field = "", password: Field = "", next: WayOn = "", again: Field = "",
) -> Response:  # fmt: skip
    missing = {"email": "Write your e-mail address."} if not email.strip() else {}
    missing |= {"password": "Write your password."} if not password else {}
    if missing:
        return _page(request, next, again, status=422, email=email, errors=missing)
    before = await sessions.found(request)
    try:
        made = await rules.by_password(
            database(request), passwords, lifetimes, Browser.of(request), email=email, password=password,
            device_secret=cookies.read(request, cookies.DEVICE), before=before[0] if before else None,
        )  # fmt: skip
    except SignInRefusedError as error:
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
    errors: dict[str, str] | None = None, headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    return page(
        request, "identity/signin.html", status=status, leads_out=True, headers=headers,
        next=way_on(next, ""), again="1" if again else "", email=email, notice=notice, errors=errors or {},
        ways=factors.links("FIRST"),
    )  # fmt: skip


async def _email(request: Request, user_id: str) -> str:
    async with database(request).system() as session:
        found = await users.find(session, user_id)
        return found.email if found else ""
