"""Browser sessions: who is signed in here, for how long, and where else.

Belongs here: beginning, recognising, rotating and ending a session. Does not belong here: how somebody proves who they are
(signin.py), the pages.

The browser holds 256 random bits, the database their SHA-256. A session ends at the first of: so long unused (idle), so
long after it began (absolute), revoked. It begins anew, under another secret, whenever its user proves more.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request

from api.identity import cookies, events, realms
from api.identity.again import Again
from api.identity.directory import tell
from api.identity.models import SessionRow, User
from api.identity.repository import sessions as rows
from api.identity.repository import users
from api.kernel.transactions import database
from nexus.db import Session
from nexus.errors import NexusError, Permanent
from nexus.ids import new_id
from nexus.settings import Settings

#: The time of last use is written at most so often.
TOUCHED = timedelta(minutes=1)
#: A session that has run out is kept so long.
KEPT = timedelta(days=90)
#: Why sessions end when their user sets another password; grants that outlive a session do not outlive that.
PASSWORD_CHANGED = "password_changed"
#: What a change of one's own security asks for: so recent a proof of who one is.
RECENT = timedelta(minutes=10)


class SignInNeededError(NexusError, Permanent):
    """Nobody is signed in, or not recently enough. Pages answer it by sending the browser to `/signin`."""

    exit_code, status, code = 2, 401, "signin_needed"

    def __init__(self, go_to: str) -> None:
        super().__init__("somebody must sign in for this", remedy="open /signin")
        self.go_to = go_to


class TooManySessionsError(NexusError, Permanent):
    exit_code, status, code = 2, 403, "too_many_sessions"


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser in which somebody is signed in. `methods` are those of OpenID Connect's `amr`: `pwd`, `otp`, `hwk`, …

    `expires_at` is when it ends if it is not used again. `must_change_password` lets them do nothing else first. `realm` is the
    organisation through whose provider they signed in: such a session opens that organisation alone.
    """

    id: str
    user_id: str
    authenticated_at: datetime
    methods: frozenset[str]
    expires_at: datetime
    must_change_password: bool = False
    realm: str | None = None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long sessions last, and how many one user may have at once."""

    idle: timedelta
    absolute: timedelta
    most: int
    #: at the limit: whether the oldest ends, or no new one begins
    ends_oldest: bool

    @classmethod
    def of(cls, settings: Settings) -> Lifetimes:
        return cls(
            settings.session_idle,
            settings.session_absolute,
            settings.session_most,
            settings.session_overflow == "end_oldest",
        )

    def ends_at(self, row: SessionRow) -> datetime:
        """When it ends if it is not used again."""
        return min(row.expires_at, row.last_seen_at + self.idle)

    def alive(self, row: SessionRow, now: datetime) -> bool:
        return row.ended_at is None and now < self.ends_at(row)


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a request comes from: what sessions show to their owner, and events tell."""

    address: str
    user_agent: str

    @classmethod
    def of(cls, request: Request) -> Browser:
        agent = "".join(c if c.isprintable() else "?" for c in request.headers.get("user-agent", ""))
        return cls(request.client.host if request.client else "", agent[:400])


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def found(request: Request) -> tuple[BrowserSession, bool] | None:
    """The live session of the request's cookie, and whether a second factor is still awaited; looked for once a request."""
    if not hasattr(request.state, "browser_session"):
        request.state.browser_session = await _looked_up(request)
    kept: tuple[BrowserSession, bool] | None = request.state.browser_session
    return kept


async def current(request: Request) -> BrowserSession | None:
    """Who is signed in in the browser that asks; None if nobody is (any more)."""
    here = await found(request)
    return here[0] if here and not here[1] else None


async def _looked_up(request: Request) -> tuple[BrowserSession, bool] | None:
    secret = cookies.read(request, cookies.SESSION)
    if not secret:
        return None
    lifetimes = Lifetimes.of(request.app.state.settings)
    async with database(request).system() as session:
        match = await rows.by_token(session, hashed(secret))
        if match is None:
            return None
        row, user, now = match
        if not lifetimes.alive(row, now) or user.deactivated_at is not None:
            return None
        if now - row.last_seen_at > TOUCHED:
            await rows.touch(session, row.id)
            row.last_seen_at = now
        return seen(row, user, lifetimes), row.awaits_factor


def seen(row: SessionRow, user: User, lifetimes: Lifetimes) -> BrowserSession:
    return BrowserSession(
        row.id,
        row.user_id,
        row.authenticated_at,
        frozenset(row.methods),
        lifetimes.ends_at(row),
        user.must_change_password,
        row.realm,
    )


async def required(
    request: Request, *, within: timedelta | None = None, methods: frozenset[str] = frozenset()
) -> BrowserSession:
    """Who is signed in, proven `within` so long and by all of `methods`. Raises SignInNeededError, answered by a redirect."""
    here = await current(request)
    back = here_again(request)
    if here is None:
        raise SignInNeededError(f"/signin?next={quote(back, safe='')}")
    if here.must_change_password and not request.url.path.startswith(("/account/password", "/signin", "/signout")):
        raise SignInNeededError(f"/account/password?next={quote(back, safe='')}")
    if not methods <= here.methods or (within is not None and await _age(request, here) > within):
        raise SignInNeededError(f"/signin?again={Again.FRESH}&next={quote(back, safe='')}")
    if within is not None and here.realm is not None and not await _is_only_theirs(request, here):
        raise SignInNeededError(f"/signin?again={Again.FRESH}&by=password&next={quote(back, safe='')}")
    return here


async def _is_only_theirs(request: Request, here: BrowserSession) -> bool:
    """An organisation's provider vouches for the organisation's people: it does not change accounts that open more."""
    async with database(request).system() as session:
        user = await users.find(session, here.user_id)
        alone = user is not None and user.password_hash is None
        return alone and await realms.owns(session, here.user_id, here.realm or "")


def here_again(request: Request) -> str:
    """Where to go on after signing in: this page, or the account if the request would have changed something."""
    if request.method not in {"GET", "HEAD"}:
        return "/account"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def _age(request: Request, here: BrowserSession) -> timedelta:
    async with database(request).system() as session:
        return await rows.now(session) - here.authenticated_at


def signed_in(within: timedelta | None = None) -> Callable[[Request], Awaitable[BrowserSession]]:
    """A dependency like `SignedIn` that asks for a proof `within` so long."""

    async def asked(request: Request) -> BrowserSession:
        return await required(request, within=within)

    return asked


MaybeSignedIn = Annotated[BrowserSession | None, Depends(current)]
#: Redirects to `/signin?next=…` when nobody is signed in.
SignedIn = Annotated[BrowserSession, Depends(signed_in())]
#: The same, also when the last proof is older than RECENT.
RecentlySignedIn = Annotated[BrowserSession, Depends(signed_in(RECENT))]


async def start(
    session: Session,
    user_id: str,
    browser: Browser,
    lifetimes: Lifetimes,
    methods: frozenset[str],
    *,
    device_id: str | None = None,
    awaits_factor: bool = False,
    before: BrowserSession | None = None,
    realm: str | None = None,
    authenticated_at: datetime | None = None,
) -> tuple[str, str]:
    """Begins a session of the user, in place of the one that the browser had `before`; returns its id and the secret for the cookie.

    `realm` is the organisation whose provider vouches for the user, `authenticated_at` when they proved it there (now).

    Raises TooManySessionsError at the limit, unless the oldest is to end.
    """
    user = await users.get(session, user_id)
    if before:
        # whosever it was: a browser has one session
        await end(session, before.user_id, "replaced", SessionRow.id == before.id)
    await rows.forget(session, user_id, KEPT)
    # whoever knows the password alone ends no session of who has shown both factors
    others = [r for r in await rows.live(session, user_id, lifetimes.idle) if r.awaits_factor == awaits_factor]
    excess = len(others) - lifetimes.most + 1
    if excess > 0 and not lifetimes.ends_oldest:
        raise TooManySessionsError(
            f"there are {len(others)} sessions already", remedy="sign out somewhere else, or let the others run out"
        )
    if excess > 0:
        await end(session, user_id, "replaced", SessionRow.id.in_([row.id for row in others[:excess]]))
    now = await rows.now(session)
    secret = new_secret()
    made = SessionRow(
        id=new_id("ses"),
        user_id=user.id,
        device_id=device_id,
        token_hash=hashed(secret),
        methods=sorted(methods),
        awaits_factor=awaits_factor,
        realm=realm,
        authenticated_at=min(now, authenticated_at or now),
        address=browser.address,
        user_agent=browser.user_agent,
        expires_at=now + lifetimes.absolute,
    )
    session.add(made)
    await session.flush()
    if not awaits_factor:
        tell(session, events.SessionStarted(session_id=made.id, user_id=user.id, methods=sorted(methods)))
    return made.id, secret


async def renew(session: Session, session_id: str) -> str:
    """Gives a session another secret, which it returns: the old one is worth nothing from now on."""
    secret = new_secret()
    await rows.renew(session, session_id, hashed(secret))
    return secret


async def end(session: Session, user_id: str, because: str, *conditions: Any) -> list[str]:
    """Ends sessions of the user (all, or those that meet `conditions`) and tells of each; returns their ids."""
    ended = await rows.end(session, user_id, because, *conditions)
    for session_id in ended:
        tell(session, events.SessionRevoked(session_id=session_id, user_id=user_id, because=because))
    return ended


async def revoke(session: Session, user_id: str, session_id: str, because: str = "revoked") -> bool:
    """Ends one session of the user; False if they have no such session, or it has ended already."""
    return bool(await end(session, user_id, because, SessionRow.id == session_id))


def within_reach(here: BrowserSession) -> list[Any]:
    """Conditions on sessions that may be ended from this one: an organisation's provider ends those that it has vouched for."""
    return [] if here.realm is None else [SessionRow.realm == here.realm]


async def revoke_all(session: Session, user_id: str, because: str, *, but: str | None = None) -> list[str]:
    """Ends every session of the user `but` one; returns their ids."""
    return await end(session, user_id, because, *([SessionRow.id != but] if but else []))
