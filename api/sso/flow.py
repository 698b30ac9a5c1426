"""Signing in by a provider, from the first step to the session.

Belongs here: attempts, what the answer leads to, what is told of it. Does not belong here: a protocol (oidc.py, saml.py),
HTTP.

An attempt belongs to the browser that began it: its cookie must come back with the answer, so that nobody is signed in as
somebody else by a link. An attempt counts once, whatever comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from api.identity import signin
from api.identity.again import Again
from api.identity.directory import Person
from api.identity.sessions import Browser, BrowserSession, Lifetimes, hashed
from api.identity.signin import SignedInBrowser
from api.sso import people, repository, saml
from api.sso.events import SigninRefused, SigninSucceeded
from api.sso.models import Attempt, Connection
from api.sso.upstream import SSO, UpstreamError, Vouched
from nexus.db import Database, Session, Tenant
from nexus.errors import NexusError, NotFoundError
from nexus.ids import new_id

#: So long somebody may take at the provider.
LASTS = timedelta(minutes=15)


class AttemptError(NexusError):
    """Came too late, twice, or in another browser than it began in."""

    exit_code, status, code = 2, 400, "sso_attempt"

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not begun in this browser, has been used, or took too long.", remedy="Begin again."
        )


@dataclass(frozen=True, slots=True)
class Here:
    """The browser that comes back, and who was signed in in it before."""

    browser: Browser
    device_secret: str | None
    before: BrowserSession | None


async def connection(database: Database, id: str) -> Connection:
    """Raises NotFoundError, also for one by which nobody may sign in."""
    async with database.system() as session:
        found = await repository.enabled(session, id)
    if found is None:
        raise NotFoundError("nobody can sign in by this connection", remedy="ask who administers your organisation")
    return found


def begun(row: Connection, browser_secret: str, way_on: str, asked: Again) -> Attempt:
    """An attempt that is still to be kept."""
    return Attempt(
        id=new_id("att"), connection_id=row.id, browser_hash=hashed(browser_secret), request_id=None, way_on=way_on,
        is_fresh=asked.is_fresh, needs_factor=asked.needs_factor, claims=None, used_at=None,
    )  # fmt: skip


async def used(database: Database, row: Connection, attempt_id: str, browser_secret: str | None) -> Attempt:
    """The attempt, which counts no more from now on. Raises AttemptError."""
    async with database.system() as session:
        found = await repository.attempt(session, attempt_id)
        if (
            found is None
            or found.connection_id != row.id
            or not browser_secret
            or found.browser_hash != hashed(browser_secret)
        ):
            raise AttemptError
        await repository.use_up(session, found.id)
        return found


async def answered(database: Database, row: Connection, said: saml.Response) -> str:
    """Keeps what an answer of SAML says with the attempt that it answers; the attempt's id. Raises UpstreamError.

    It came by a form of elsewhere, with which a browser sends no cookie: whose it is shows when the browser comes next.
    """
    async with database.system() as session:
        # by itself: whatever comes of it, it is taken once
        is_new = await repository.take(session, row.id, hashed(said.assertion_id), said.until)
    if not is_new:
        raise UpstreamError("replayed", "the provider's response has been taken before")
    async with database.system() as session:
        found = await repository.attempt_by_request(session, row.id, said.in_response_to)
        if found is None:
            raise UpstreamError("unsolicited", "the provider's response answers no request of ours that is open")
        at = said.vouched.authenticated_at
        if found.is_fresh and (at is None or await repository.now(session) - at > saml.FRESH):
            raise UpstreamError("not_fresh", "the provider was asked for a fresh proof, and gave none")
        found.claims = said.vouched.kept()
        return found.id


async def signed_in(
    database: Database, lifetimes: Lifetimes, row: Connection, vouched: Vouched, here: Here, *, needs_factor: bool
) -> SignedInBrowser:
    """The session of whom the provider vouches for; `needs_factor`: they show one here unless it vouches for one.

    Raises UpstreamError, TooManySessionsError."""
    tenant = Tenant(row.organisation_id)
    async with database.system(tenant) as session:
        person = await people.matched(session, row, vouched)
    async with database.transaction(tenant) as session:
        await people.admitted(session, row, vouched, person)
    async with database.system(tenant) as session:
        return await _begin(session, lifetimes, row, vouched, here, person, needs_factor)


async def _begin(
    session: Session, lifetimes: Lifetimes, row: Connection, vouched: Vouched, here: Here, person: Person,
    needs_factor: bool,
) -> SignedInBrowser:  # fmt: skip
    methods = frozenset({SSO, *(vouched.methods if row.is_mfa_trusted else ())})
    device = await signin.known_device(session, here.device_secret, person.id)
    made = await signin.begin(
        session, person.id, here.browser, lifetimes, methods, device_id=device, before=here.before,
        is_whole="mfa" in methods, is_trusting=not needs_factor, realm=row.organisation_id,
        authenticated_at=vouched.authenticated_at,
    )  # fmt: skip
    happened = SigninSucceeded(
        signin_id=new_id("sgn"), connection_id=row.id, user_id=person.id, methods=sorted(methods)
    )
    session.record(happened)
    return made


async def refused(database: Database, row: Connection, error: UpstreamError, browser: Browser) -> None:
    """Tells the organisation of what came back, and the house of a failed sign-in."""
    async with database.system(Tenant(row.organisation_id)) as session:
        happened = SigninRefused(
            signin_id=new_id("sgn"), connection_id=row.id, reason=error.reason, detail=str(error.message)
        )
        session.record(happened)
        signin.failed(session, None, browser, SSO, f"sso_{error.reason}")
