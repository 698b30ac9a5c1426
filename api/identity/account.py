"""What people do with their own account: change the password, see and end sessions.

Belongs here: those rules. Does not belong here: pages, what others may do to an account (directory.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.identity import sessions, signin
from api.identity.passwords import LONGEST, Passwords, WeakPasswordError
from api.identity.places import browser_name
from api.identity.repository import sessions as session_rows
from api.identity.repository import throttles, users
from api.identity.resets import set_password
from api.identity.sessions import Browser, BrowserSession, Lifetimes
from api.identity.signin import PASSWORD, SignInRefusedError, ThrottledError
from api.identity.throttle import for_account
from nexus.db import Database


@dataclass(frozen=True, slots=True)
class ShownSession:
    """A session as its owner sees it."""

    id: str
    is_this: bool
    browser: str
    address: str
    began_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """A person as they see themselves."""

    email: str
    name: str
    has_password: bool
    sessions: list[ShownSession]


async def shown(database: Database, lifetimes: Lifetimes, here: BrowserSession) -> Account:
    """Of who came by an organisation's provider: the sessions that it has vouched for, not where they are besides."""
    async with database.system() as session:
        user = await users.get(session, here.user_id)
        rows = await session_rows.live(session, user.id, lifetimes.idle)
        listed = [
            ShownSession(r.id, r.id == here.id, browser_name(r.user_agent), r.address, r.created_at, r.last_seen_at)
            for r in reversed(rows)
            if not r.awaits_factor and here.realm in {None, r.realm}
        ]
        return Account(user.email, user.name, user.password_hash is not None, listed)


async def change_password(
    database: Database,
    passwords: Passwords,
    browser: Browser,
    here: BrowserSession,
    old: str,
    new: str,
) -> str:
    """Sets the password, ends every other session, begins this one anew; returns the secret for its cookie.

    Raises SignInRefusedError if `old` is not the password, ThrottledError, WeakPasswordError, BusyError.
    """
    if new == old:
        raise WeakPasswordError("that is the password that you have now", remedy="choose another one")
    async with database.system() as session:
        user = await users.get(session, here.user_id)
        about = [user.email, user.name]
    await passwords.check_new(new, about)
    places = for_account(here.user_id)
    async with database.system() as session:
        kept = (await users.get(session, here.user_id)).password_hash
        if full := await throttles.take(session, places):
            raise ThrottledError(full.wait)
    if not await passwords.matches(kept, old[: LONGEST + 1]):
        async with database.system() as session:
            signin.failed(session, here.user_id, browser, PASSWORD, "wrong_password")
        raise SignInRefusedError
    renewed = await passwords.hash(new)
    async with database.system() as session:
        await throttles.give_back(session, places)
        user = await users.get(session, here.user_id)
        if user.password_hash != kept:
            raise SignInRefusedError
        await set_password(session, user, renewed, "changed")
        await sessions.revoke_all(session, user.id, sessions.PASSWORD_CHANGED, but=here.id)
        return await sessions.renew(session, here.id)
