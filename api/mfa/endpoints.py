"""Pages of second factors: showing one, adding and removing one's own."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Form, Path, Request, Response

from api.identity import cookies, directory, sessions, signin
from api.identity.endpoints.common import Field, LifetimesOfApp, WayOn, go, minutes, signed_in
from api.identity.forms import from_our_page
from api.identity.pages import page, way_on
from api.identity.sessions import Browser, BrowserSession, Lifetimes, RecentlySignedIn
from api.identity.signin import ThrottledError
from api.kernel.idempotency import unkeyed
from api.kernel.ids import pattern
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.kernel.transactions import database
from api.mfa import passkeys, repository, service
from api.mfa.passkeys import Site, WrongPasskeyError
from api.mfa.service import WrongCodeError
from nexus.db import Session
from nexus.errors import NotFoundError

router = Router(include_in_schema=False, dependencies=[public("pages ask for a session, or for the first half of one")])
_FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]
Answer = Annotated[str, Form(max_length=20_000)]


@router.get("/signin/factor")
async def factor_page(request: Request, next: str = "") -> Response:
    here = await sessions.found(request)
    if here is None or not here[1]:
        return go(way_on(next) if here else "/signin")
    return await _factor_page(request, here[0], next)


@router.post("/signin/factor", dependencies=_FORM)
async def show_factor(
    request: Request, lifetimes: LifetimesOfApp, code: Field = "", passkey: Answer = "", remember: Field = "", next: WayOn = ""
) -> Response:  # fmt: skip
    here = await sessions.found(request)
    if here is None or not here[1]:
        return go("/signin")
    pending, browser = here[0], Browser.of(request)
    try:
        if passkey:
            method = await _by_passkey(request, browser, passkey, pending.user_id) and "hwk"
        else:
            method = await service.show(database(request), request.app.state.settings, browser, pending.user_id, code)
    except (WrongCodeError, WrongPasskeyError) as error:
        return await _factor_page(request, pending, next, 403, error.message)
    except ThrottledError as error:
        said = f"{error.message} Try again in {minutes(error.wait)}."
        return await _factor_page(request, pending, next, 429, said, error.headers)
    methods = pending.methods | {"mfa", method}
    async with database(request).system() as session:
        device = await signin.known_device(session, cookies.read(request, cookies.DEVICE), pending.user_id)
        made = await signin.begin(
            session, pending.user_id, browser, lifetimes, methods, device_id=device, before=pending, is_whole=True,
            realm=pending.realm,
        )  # fmt: skip
        if remember:
            await repository.trust(session, made.session_id, service.TRUSTED)
    return signed_in(request, made, way_on(next))


@router.get("/signin/enrol")
async def enrol_page(request: Request, next: str = "") -> Response:
    """An organisation asks for a second factor, and they have none yet."""
    here = await _enrolling(request)
    return await _enrol_page(request, here, next) if here else go("/signin")


@router.post("/signin/enrol", dependencies=_FORM)
async def enrol(request: Request, lifetimes: LifetimesOfApp, code: Field = "", next: WayOn = "") -> Response:
    here = await _enrolling(request)
    if here is None:
        return go("/signin")
    settings, browser = request.app.state.settings, Browser.of(request)
    try:
        async with database(request).system() as session:
            codes = await service.confirm_totp(session, settings, here.user_id, code)
            device = await signin.known_device(session, cookies.read(request, cookies.DEVICE), here.user_id)
            made = await signin.begin(
                session, here.user_id, browser, lifetimes, here.methods | {"mfa", "otp"}, device_id=device, before=here,
                is_whole=True, realm=here.realm,
            )  # fmt: skip
    except (WrongCodeError, NotFoundError) as error:
        return await _enrol_page(request, here, next, error.message)
    response = signed_in(request, made, way_on(next))
    if not codes:
        return response
    shown = page(request, "mfa/codes.html", codes=codes, on=way_on(next))
    for name, value in response.raw_headers:
        if name == b"set-cookie":
            shown.raw_headers.append((name, value))
    return shown


@router.get("/signin/passkey")
async def passkey_page(request: Request, next: str = "") -> Response:
    return await _passkey_page(request, next)


@router.post("/signin/passkey", dependencies=_FORM)
async def sign_in_with_passkey(
    request: Request, lifetimes: LifetimesOfApp, passkey: Answer = "", next: WayOn = ""
) -> Response:
    browser, before = Browser.of(request), await sessions.found(request)
    try:
        user_id = await _by_passkey(request, browser, passkey, None)
    except WrongPasskeyError as error:
        return await _passkey_page(request, next, error.message)
    made = await _whole(request, lifetimes, browser, user_id, before[0] if before else None)
    return signed_in(request, made, way_on(next))


@router.get("/account/factors")
async def factors_page(request: Request, here: RecentlySignedIn) -> Response:
    return await _factors_page(request, here)


@router.post("/account/factors/totp", dependencies=_FORM)
async def begin_totp(request: Request, here: RecentlySignedIn) -> Response:
    async with database(request).system() as session:
        person = await _person(session, here)
        await service.begin_totp(session, request.app.state.settings, here.user_id, person.email)
    return go("/account/factors/totp")


@router.get("/account/factors/totp")
async def totp_page(request: Request, here: RecentlySignedIn) -> Response:
    return await _totp_page(request, here)


@router.post("/account/factors/totp/confirm", dependencies=_FORM)
async def confirm_totp(request: Request, here: RecentlySignedIn, code: Field = "") -> Response:
    try:
        async with database(request).system() as session:
            codes = await service.confirm_totp(session, request.app.state.settings, here.user_id, code)
            secret = await sessions.renew(session, here.id)
    except WrongCodeError as error:
        return await _totp_page(request, here, error.message)
    return await _renewed(request, here, secret, codes)


@router.post("/account/factors/totp/remove", dependencies=_FORM)
async def remove_totp(request: Request, here: RecentlySignedIn) -> Response:
    async with database(request).system() as session:
        await service.remove_totp(session, here.user_id)
    return go("/account/factors")


@router.post("/account/factors/codes", dependencies=_FORM)
async def make_codes(request: Request, here: RecentlySignedIn) -> Response:
    async with database(request).system() as session:
        codes = await service.make_codes(session, request.app.state.settings, here.user_id)
    return page(request, "mfa/codes.html", codes=codes)


@router.post("/account/factors/passkeys", dependencies=_FORM)
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


@router.post("/account/factors/passkeys/{passkey_id}/remove", dependencies=_FORM)
async def remove_passkey(
    request: Request, here: RecentlySignedIn, passkey_id: Annotated[str, Path(pattern=pattern("pky"))]
) -> Response:
    async with database(request).system() as session:
        await passkeys.remove(session, here.user_id, passkey_id)
    return go("/account/factors")


async def _by_passkey(request: Request, browser: Browser, answer: str, user_id: str | None) -> str:
    """Whose passkey has answered. Raises WrongPasskeyError, and tells of it."""
    site = Site.of(request)
    try:
        if site is None:
            raise WrongPasskeyError
        async with database(request).system() as session:
            found = await passkeys.shown(session, site, answer, user_id)
            person = await directory.user(session, found)
            if person is None or not person.active:
                raise WrongPasskeyError
            return found
    except WrongPasskeyError:
        async with database(request).system() as session:
            signin.failed(session, user_id, browser, "hwk", "wrong_passkey")
        raise


async def _whole(
    request: Request, lifetimes: Lifetimes, browser: Browser, user_id: str, before: BrowserSession | None
) -> signin.SignedInBrowser:
    async with database(request).system() as session:
        device = await signin.known_device(session, cookies.read(request, cookies.DEVICE), user_id)
        methods = frozenset({"hwk", "mfa"})
        return await signin.begin(
            session, user_id, browser, lifetimes, methods, device_id=device, before=before, is_whole=True
        )


async def _renewed(request: Request, here: BrowserSession, secret: str, codes: list[str]) -> Response:
    """The page after a factor was added; the session has another secret from now on."""
    # the form of the page must be of the new one
    request.cookies[cookies.name(request, cookies.SESSION)] = secret
    response = page(request, "mfa/codes.html", codes=codes) if codes else go("/account/factors")
    cookies.put(request, response, cookies.SESSION, secret)
    return response


async def _factor_page(
    request: Request, pending: BrowserSession, next: str, status: int = 200, wrong: str = "",
    headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    site = Site.of(request)
    async with database(request).system() as session:
        has_passkey = bool(await repository.passkeys(session, pending.user_id))
        app = await repository.totp(session, pending.user_id)
        options = (
            await passkeys.options_to_show(session, site, pending.user_id) if site is not None and has_passkey else ""
        )
    return page(
        request, "mfa/factor.html", status=status, leads_out=True, headers=headers, next=way_on(next, ""), options=options,
        has_app=app is not None and app.confirmed_at is not None, errors={"code": wrong} if wrong else {},
        named=_named(request) if has_passkey and site is None else "",
    )  # fmt: skip


async def _passkey_page(request: Request, next: str, wrong: str = "") -> Response:
    site, options = Site.of(request), ""
    if site is not None:
        async with database(request).system() as session:
            options = await passkeys.options_to_show(session, site, None)
    return page(
        request, "mfa/passkey.html", status=403 if wrong else 200, leads_out=True, next=way_on(next, ""), options=options,
        errors={"passkey": wrong} if wrong else {}, named=_named(request),
    )  # fmt: skip


async def _factors_page(request: Request, here: BrowserSession, wrong: str = "") -> Response:
    site, options = Site.of(request), ""
    async with database(request).system() as session:
        app = await repository.totp(session, here.user_id)
        keys = await repository.passkeys(session, here.user_id)
        left = await repository.codes_left(session, here.user_id)
        if site is not None:
            options = await passkeys.options_to_add(session, site, await _person(session, here))
    return page(
        request, "mfa/factors.html", status=403 if wrong else 200, narrow=False, options=options, named=_named(request),
        has_app=app is not None and app.confirmed_at is not None, passkeys=keys, codes_left=left,
        errors={"passkey": wrong} if wrong else {},
    )  # fmt: skip


async def _totp_page(request: Request, here: BrowserSession, wrong: str = "") -> Response:
    async with database(request).system() as session:
        person = await _person(session, here)
        waiting = await service.pending(session, request.app.state.settings, here.user_id, person.email)
    if waiting is None:
        return go("/account/factors")
    picture, secret = _pictured(waiting)
    errors = {"code": wrong} if wrong else {}
    return page(request, "mfa/totp.html", status=403 if wrong else 200, picture=picture, secret=secret, errors=errors)


async def _enrolling(request: Request) -> BrowserSession | None:
    """Who has shown a first factor, and has no second one: whoever has one must show it, not add another."""
    here = await sessions.found(request)
    if here is None or not here[1]:
        return None
    async with database(request).system() as session:
        return None if await repository.has_factor(session, here[0].user_id) else here[0]


async def _enrol_page(request: Request, here: BrowserSession, next: str, wrong: str = "") -> Response:
    settings = request.app.state.settings
    async with database(request).system() as session:
        person = await _person(session, here)
        waiting = await service.pending(session, settings, here.user_id, person.email)
        if waiting is None:
            waiting = await service.begin_totp(session, settings, here.user_id, person.email)
    picture, secret = _pictured(waiting)
    return page(
        request, "mfa/enrol.html", status=403 if wrong else 200, leads_out=True, picture=picture, secret=secret,
        next=way_on(next, ""), errors={"code": wrong} if wrong else {},
    )  # fmt: skip


def _pictured(waiting: service.Enrolment) -> tuple[str, str]:
    """The picture that an app reads, and the secret in groups of four."""
    picture = segno.make(waiting.uri, error="m").svg_data_uri(scale=5, light="white", border=3)
    return picture, " ".join(waiting.secret[i : i + 4] for i in range(0, len(waiting.secret), 4))


async def _person(session: Session, here: BrowserSession) -> directory.Person:
    found = await directory.user(session, here.user_id)
    assert found is not None
    return found


def _named(request: Request) -> str:
    """This page under a name for which a browser makes passkeys."""
    return str(request.url.replace(hostname="localhost", query="")) if Site.of(request) is None else ""
