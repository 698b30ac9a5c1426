"""Signing in: what is checked, in which order, and what is told of it.

Belongs here: the attempt with a password, and what every way of signing in ends with. Does not belong here: pages, cookies.

A password is compared between two transactions, never inside one: an open one would hold back the event log. Whoever the
address belongs to, the same statements run and the same work is done; only what the log says differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.identity import events, factors, realms, sessions
from api.identity.directory import HOUSE, email_key, tell
from api.identity.models import Device
from api.identity.passwords import LONGEST, Passwords
from api.identity.places import browser_name, network
from api.identity.realms import SignInElsewhereError
from api.identity.repository import sessions as session_rows
from api.identity.repository import throttles, users
from api.identity.repository.throttles import Full
from api.identity.sessions import Browser, BrowserSession, Lifetimes, hashed, new_secret
from api.identity.throttle import Place, places
from nexus.db import Database, Session, Tenant
from nexus.errors import NexusError, Permanent
from nexus.ids import new_id

PASSWORD = "pwd"
#: How long a browser is remembered as one in which somebody has signed in.
DEVICE_KEPT = timedelta(days=365)


class SignInRefusedError(NexusError, Permanent):
    """Says the same whoever it was about."""

    exit_code, status, code = 2, 403, "signin_refused"

    def __init__(self) -> None:
        super().__init__("That e-mail address and password do not match.")


class ThrottledError(NexusError, Permanent):
    exit_code, status, code = 2, 429, "throttled"

    def __init__(self, wait: timedelta) -> None:
        super().__init__("There have been too many attempts.")
        self.wait = max(1, int(wait.total_seconds()) + 1)
        self.headers = {"Retry-After": str(self.wait)}


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """What the browser is given: secrets for its cookies, and where it must go first to show another factor."""

    session_id: str
    session_secret: str
    device_secret: str | None
    factor_path: str | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What the first transaction has found."""

    user_id: str | None
    password_hash: str | None
    is_active: bool
    device_id: str | None
    places: Sequence[Place]
    full: Full | None


async def by_password(
    database: Database,
    passwords: Passwords,
    lifetimes: Lifetimes,
    browser: Browser,
    *,
    email: str,
    password: str,
    device_secret: str | None,
    before: BrowserSession | None,
    is_trusting: bool = True,
) -> SignedInBrowser:
    """Signs in with a password, in place of whoever was signed in in this browser `before`.

    Unless `is_trusting`, whoever has a second factor shows it also where they are remembered.

    Raises SignInRefusedError, SignInElsewhereError, ThrottledError, TooManySessionsError, BusyError."""
    async with database.system() as session:
        attempt = await _attempt(session, email, browser, device_secret)
        if attempt.full and attempt.full.is_news:
            failed(session, attempt.user_id, browser, PASSWORD, "throttled")
    if attempt.full:
        raise ThrottledError(attempt.full.wait)
    matches = await passwords.matches(attempt.password_hash, password[: LONGEST + 1])
    reason = _reason(attempt, matches)
    renewed = None
    if reason is None and attempt.password_hash and passwords.outdated(attempt.password_hash):
        renewed = await passwords.hash(password)
    if reason is None:
        assert attempt.user_id is not None
        try:
            async with database.system() as session:
                await throttles.give_back(session, attempt.places)
                user = await users.get(session, attempt.user_id)
                if user.password_hash == attempt.password_hash and user.deactivated_at is None:
                    user.password_hash = renewed or user.password_hash
                    return await begin(
                        session, user.id, browser, lifetimes, frozenset({PASSWORD}),
                        device_id=attempt.device_id, before=before, is_trusting=is_trusting,
                    )  # fmt: skip
            # changed or deactivated while it was compared
            reason = "wrong_password"
        except sessions.TooManySessionsError:
            async with database.system() as session:
                failed(session, attempt.user_id, browser, PASSWORD, "too_many_sessions")
            raise
    async with database.system() as session:
        failed(session, attempt.user_id, browser, PASSWORD, reason)
    raise SignInRefusedError


async def begin(
    session: Session,
    user_id: str,
    browser: Browser,
    lifetimes: Lifetimes,
    methods: frozenset[str],
    *,
    device_id: str | None,
    before: BrowserSession | None,
    is_whole: bool = False,
    is_trusting: bool = True,
    realm: str | None = None,
    authenticated_at: datetime | None = None,
) -> SignedInBrowser:
    """Signs the browser in once its user has shown who they are; asks for a second factor unless the proof `is_whole`, or the
    browser is one that stands for it and may (`is_trusting`).

    `realm` is the organisation whose provider vouches for them. Raises SignInElsewhereError if theirs takes no other proof,
    TooManySessionsError.
    """
    if realm is None and (elsewhere := await realms.refusing(session, user_id)):
        raise SignInElsewhereError(elsewhere, user_id, methods)
    factor = None if is_whole else await factors.awaited(session, user_id, device_id, realm, is_wanted=not is_trusting)
    if factor is None and not is_whole:
        methods |= await factors.vouched(session, user_id, device_id)
    is_known = device_id is not None
    secret = None
    if factor is None and device_id is None:
        device_id, secret = await remember(session, user_id, browser)
    elif factor is None and device_id is not None:
        await session_rows.touch_device(session, device_id)
    session_id, session_secret = await sessions.start(
        session, user_id, browser, lifetimes, methods,
        device_id=device_id, awaits_factor=factor is not None, before=before, realm=realm,
        authenticated_at=authenticated_at,
    )  # fmt: skip
    if factor is None:
        home = await realms.home(session, user_id, realm)
        succeeded(session, user_id, session_id, browser, methods, is_known, home)
    return SignedInBrowser(session_id, session_secret, secret, factor)


async def remember(session: Session, user_id: str, browser: Browser) -> tuple[str, str]:
    """The browser becomes one in which its user has signed in; its id, and the secret for its cookie."""
    secret = new_secret()
    device = Device(id=new_id("dev"), user_id=user_id, token_hash=hashed(secret), user_agent=browser.user_agent)
    session.add(device)
    await session.flush()
    await session_rows.forget_devices(session, user_id, DEVICE_KEPT)
    return device.id, secret


async def known_device(session: Session, secret: str | None, user_id: str | None) -> str | None:
    """The device with that secret, if that user has signed in there."""
    found = await session_rows.device(session, hashed(secret or new_secret()))
    return found.id if found and found.user_id == user_id else None


def succeeded(
    session: Session, user_id: str, session_id: str, browser: Browser, methods: frozenset[str], is_known: bool,
    home: Tenant | None,
) -> None:  # fmt: skip
    """`home` is where they sign in to, if that is one place: its people see who came."""
    happened = events.SigninSucceeded(
        signin_id=new_id("sgn"),
        user_id=user_id,
        session_id=session_id,
        address=browser.address,
        user_agent=browser.user_agent,
        network=network(browser.address),
        browser=browser_name(browser.user_agent),
        methods=sorted(methods),
        is_known_device=is_known,
    )
    session.record(happened, tenant=home or HOUSE)


def failed(session: Session, user_id: str | None, browser: Browser, method: str, reason: str) -> None:
    happened = events.SigninFailed(
        signin_id=new_id("sgn"),
        user_id=user_id,
        network=network(browser.address),
        browser=browser_name(browser.user_agent),
        method=method,
        reason=reason,
    )
    tell(session, happened)


async def _attempt(session: Session, email: str, browser: Browser, device_secret: str | None) -> _Attempt:
    user = await users.by_key(session, email_key(email))
    device_id = await known_device(session, device_secret, user.id if user else None)
    wanted = places(email, browser.address, device_id)
    full = await throttles.take(session, wanted)
    return _Attempt(
        user.id if user else None,
        user.password_hash if user else None,
        user is not None and user.deactivated_at is None,
        device_id,
        wanted,
        full,
    )


def _reason(attempt: _Attempt, matches: bool) -> str | None:
    """Why it is refused, for the log; None if it is not."""
    if attempt.user_id is None:
        return "unknown_user"
    if attempt.password_hash is None:
        return "no_password"
    if not matches:
        return "wrong_password"
    return None if attempt.is_active else "inactive"
