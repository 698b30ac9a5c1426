"""The pages of who has forgotten their password."""

from __future__ import annotations

from fastapi import Request, Response

from api.identity import cookies, resets
from api.identity.endpoints.common import Field, PasswordsOfApp, go, router
from api.identity.forms import from_our_page
from api.identity.pages import page
from api.identity.passwords import WeakPasswordError
from api.identity.resets import LinkError
from api.identity.sessions import Browser
from api.kernel.idempotency import unkeyed
from api.kernel.transactions import database

_FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]


@router.get("/signin/forgotten")
async def forgotten_page(request: Request) -> Response:
    return page(request, "identity/forgotten.html", email="")


@router.post("/signin/forgotten", dependencies=_FORM)
async def forgotten(request: Request, email: Field = "") -> Response:
    if not email.strip():
        errors = {"email": "Write your e-mail address."}
        return page(request, "identity/forgotten.html", status=422, email=email, errors=errors)
    await resets.ask(database(request), request.app.state.settings, Browser.of(request), email)
    return page(request, "identity/asked.html", email=email)


@router.get("/signin/reset")
async def reset_page(request: Request, link: str = "") -> Response:
    if link and not resets.FORM.fullmatch(link):
        return _dead(request)
    if link:
        # neither the address bar nor the log of requests keeps what opens an account
        request.scope["query_string"] = b"link=-"
        response = go("/signin/reset")
        cookies.put(request, response, cookies.RESET, link, resets.LASTS)
        return response
    token = cookies.read(request, cookies.RESET) or ""
    if not await resets.usable(database(request), token):
        return _dead(request)
    return _page(request)


@router.post("/signin/reset", dependencies=_FORM)
async def reset(request: Request, passwords: PasswordsOfApp, password: Field = "", repeated: Field = "") -> Response:
    token = cookies.read(request, cookies.RESET) or ""
    if password != repeated:
        return _page(request, {"repeated": "The two passwords are not the same."})
    try:
        device_secret = await resets.use(database(request), passwords, token, password, Browser.of(request))
    except LinkError:
        return _dead(request)
    except WeakPasswordError as error:
        return _page(request, {"password": error.sentence})
    response = go("/signin?said=reset")
    cookies.drop(request, response, cookies.RESET)
    cookies.drop(request, response, cookies.SESSION)
    cookies.put(request, response, cookies.DEVICE, device_secret, resets.DEVICE_KEPT)
    return response


def _page(request: Request, errors: dict[str, str] | None = None) -> Response:
    least = request.app.state.settings.password_least
    return page(request, "identity/reset.html", status=422 if errors else 200, errors=errors or {}, least=least)


def _dead(request: Request) -> Response:
    error = LinkError()
    response = page(
        request, "identity/refused.html", status=410, said=error.message, remedy=error.remedy, link="/signin/forgotten"
    )
    cookies.drop(request, response, cookies.RESET)
    return response
