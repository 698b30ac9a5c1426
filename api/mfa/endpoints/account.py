"""Pages of one's own second factors: which there are, adding and removing them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from api.identity import cookies, sessions
from api.identity.endpoints.common import Field, go
from api.identity.pages import page
from api.identity.sessions import BrowserSession, RecentlySignedIn
from api.kernel.ids import pattern
from api.kernel.transactions import database
from api.mfa import passkeys, repository, service
from api.mfa.endpoints.common import FORM, Answer, named, person, pictured, router
from api.mfa.passkeys import Site, WrongPasskeyError
from api.mfa.service import WrongCodeError


@router.get("/account/factors")
async def factors_page(request: Request, here: RecentlySignedIn) -> Response:
    return await _factors_page(request, here)


@router.post("/account/factors/totp", dependencies=FORM)
async def begin_totp(request: Request, here: RecentlySignedIn) -> Response:
    async with database(request).system() as session:
        whose = await person(session, here)
        await service.begin_totp(session, request.app.state.settings, here.user_id, whose.email)
    return go("/account/factors/totp")


@router.get("/account/factors/totp")
async def totp_page(request: Request, here: RecentlySignedIn) -> Response:
    return await _totp_page(request, here)


@router.post("/account/factors/totp/confirm", dependencies=FORM)
async def confirm_totp(request: Request, here: RecentlySignedIn, code: Field = "") -> Response:
    try:
        async with database(request).system() as session:
            codes = await service.confirm_totp(session, request.app.state.settings, here.user_id, code)
            secret = await sessions.renew(session, here.id)
    except WrongCodeError as error:
        return await _totp_page(request, here, error.message)
    return await _renewed(request, here, secret, codes)


@router.post("/account/factors/totp/remove", dependencies=FORM)
async def remove_totp(request: Request, here: RecentlySignedIn) -> Response:
    async with database(request).system() as session:
        await service.remove_totp(session, here.user_id)
    return go("/account/factors")


@router.post("/account/factors/codes", dependencies=FORM)
async def make_codes(request: Request, here: RecentlySignedIn) -> Response:
    async with database(request).system() as session:
        codes = await service.make_codes(session, request.app.state.settings, here.user_id)
    return page(request, "mfa/codes.html", codes=codes)


@router.post("/account/factors/passkeys", dependencies=FORM)
async def add_passkey(request: Request, here: RecentlySignedIn, passkey: Answer = "", name: Field = "") -> Response:
    site = Site.of(request)
    if site is None:
        return go("/account/factors")
    try:
        async with database(request).system() as session:
            await passkeys.add(session, site, here.user_id, passkey, name)
            settings = request.app.state.settings
            codes = (
                []
                if await repository.codes_left(session, here.user_id)
                else await service.make_codes(session, settings, here.user_id)
            )
            secret = await sessions.renew(session, here.id)
    except WrongPasskeyError as error:
        return await _factors_page(request, here, error.message)
    return await _renewed(request, here, secret, codes)


@router.post("/account/factors/passkeys/{passkey_id}/remove", dependencies=FORM)
async def remove_passkey(
    request: Request, here: RecentlySignedIn, passkey_id: Annotated[str, Path(pattern=pattern("pky"))]
) -> Response:
    async with database(request).system() as session:
        await passkeys.remove(session, here.user_id, passkey_id)
    return go("/account/factors")


async def _renewed(request: Request, here: BrowserSession, secret: str, codes: list[str]) -> Response:
    """The page after a factor was added; the session has another secret from now on."""
    # the form of the page must be of the new one
    request.cookies[cookies.name(request, cookies.SESSION)] = secret
    response = page(request, "mfa/codes.html", codes=codes) if codes else go("/account/factors")
    cookies.put(request, response, cookies.SESSION, secret)
    return response


async def _factors_page(request: Request, here: BrowserSession, wrong: str = "") -> Response:
    site, options = Site.of(request), ""
    async with database(request).system() as session:
        app = await repository.totp(session, here.user_id)
        keys = await repository.passkeys(session, here.user_id)
        left = await repository.codes_left(session, here.user_id)
        if site is not None:
            options = await passkeys.options_to_add(session, site, await person(session, here))
    return page(
        request, "mfa/factors.html", status=403 if wrong else 200, narrow=False, options=options, named=named(request),
        has_app=app is not None and app.confirmed_at is not None, passkeys=keys, codes_left=left,
        errors={"passkey": wrong} if wrong else {},
    )  # fmt: skip


async def _totp_page(request: Request, here: BrowserSession, wrong: str = "") -> Response:
    async with database(request).system() as session:
        whose = await person(session, here)
        waiting = await service.pending(session, request.app.state.settings, here.user_id, whose.email)
    if waiting is None:
        return go("/account/factors")
    picture, secret = pictured(waiting)
    errors = {"code": wrong} if wrong else {}
    return page(request, "mfa/totp.html", status=403 if wrong else 200, picture=picture, secret=secret, errors=errors)
