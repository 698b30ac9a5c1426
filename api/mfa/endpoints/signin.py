"""Pages on the way to signing in: showing a second factor, adding the first one that is asked for, a passkey alone."""

from __future__ import annotations

from fastapi import Request, Response

from api.identity import cookies, directory, sessions, signin
from api.identity.endpoints.common import Field, LifetimesOfApp, WayOn, go, minutes, signed_in
from api.identity.pages import page, way_on
from api.identity.sessions import Browser, BrowserSession, Lifetimes
from api.identity.signin import ThrottledError
from api.kernel.transactions import database
from api.mfa import passkeys, repository, service
from api.mfa.endpoints.common import FORM, Answer, named, person, pictured, router
from api.mfa.passkeys import Site, WrongPasskeyError
from api.mfa.service import WrongCodeError
from nexus.errors import NotFoundError


@router.get("/signin/factor")
async def factor_page(request: Request, next: str = "") -> Response:
    here = await sessions.found(request)
    if here is None or not here[1]:
        return go(way_on(next) if here else "/signin")
    return await _factor_page(request, here[0], next)


@router.post("/signin/factor", dependencies=FORM)
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


@router.post("/signin/enrol", dependencies=FORM)
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


@router.post("/signin/passkey", dependencies=FORM)
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


async def _by_passkey(request: Request, browser: Browser, answer: str, user_id: str | None) -> str:
    """Whose passkey has answered. Raises WrongPasskeyError, and tells of it."""
    site = Site.of(request)
    try:
        if site is None:
            raise WrongPasskeyError
        async with database(request).system() as session:
            found = await passkeys.shown(session, site, answer, user_id)
            whose = await directory.user(session, found)
            if whose is None or not whose.active:
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
        named=named(request) if has_passkey and site is None else "",
    )  # fmt: skip


async def _passkey_page(request: Request, next: str, wrong: str = "") -> Response:
    site, options = Site.of(request), ""
    if site is not None:
        async with database(request).system() as session:
            options = await passkeys.options_to_show(session, site, None)
    return page(
        request, "mfa/passkey.html", status=403 if wrong else 200, leads_out=True, next=way_on(next, ""), options=options,
        errors={"passkey": wrong} if wrong else {}, named=named(request),
    )  # fmt: skip


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
        whose = await person(session, here)
        waiting = await service.pending(session, settings, here.user_id, whose.email)
        if waiting is None:
            waiting = await service.begin_totp(session, settings, here.user_id, whose.email)
    picture, secret = pictured(waiting)
    return page(
        request, "mfa/enrol.html", status=403 if wrong else 200, leads_out=True, picture=picture, secret=secret,
        next=way_on(next, ""), errors={"code": wrong} if wrong else {},
    )  # fmt: skip
