"""Links that set a new password: asked for by anybody, made for an account, used once.

Belongs here: asking for one, making one, using one. Does not belong here: sending it.

The token is an authentication code of the link's id under the home's key: it lies nowhere, and whoever delivers links makes
it from the event `identity.reset.requested` (`link`). The database has its hash.
"""

from __future__ import annotations

import re
from datetime import timedelta

from api.identity import events, sessions
from api.identity.directory import HOUSE, email_key, tell
from api.identity.models import Reset, User
from api.identity.passwords import Passwords
from api.identity.repository import resets as rows
from api.identity.repository import sessions as session_rows
from api.identity.repository import throttles, users
from api.identity.sessions import Browser, hashed
from api.identity.signin import DEVICE_KEPT, remember
from api.identity.throttle import for_reset
from nexus.db import Database, Session
from nexus.errors import InputError
from nexus.ids import new_id
from nexus.sealing import Sealer
from nexus.settings import Settings

__all__ = ["DEVICE_KEPT", "FORM", "LASTS", "LinkError", "ask", "link", "make", "set_password", "usable", "use"]
LASTS = timedelta(minutes=30)
#: What every link consists of: no cookie and no database holds just any text.
FORM = re.compile(r"rst_[0-9a-f]{32}\.[A-Za-z0-9_=-]{1,120}")
_FORGOTTEN = timedelta(days=7)


class LinkError(InputError):
    code = "link_unusable"

    def __init__(self) -> None:
        super().__init__(
            "This link has been used, has run out, or was not copied whole.", remedy="Ask for another one."
        )


def link(settings: Settings, reset_id: str) -> str:
    """The address that its receiver opens."""
    return f"{settings.address}/signin/reset?link={reset_id}.{_token(settings, reset_id)}"


async def ask(database: Database, settings: Settings, browser: Browser, email: str) -> None:
    """Somebody says that they have forgotten the password of `email`. Does and says the same whether anybody has it."""
    async with database.system() as session:
        if await throttles.take(session, for_reset(email, browser.address)) is None:
            user = await users.by_key(session, email_key(email))
            await make(session, settings, user if user and user.deactivated_at is None else None)


async def make(session: Session, settings: Settings, user: User | None) -> str:
    """A link for `user`, or one for nobody, which works nowhere; returns its id."""
    await rows.forget(session, _FORGOTTEN)
    reset_id = new_id("rst")
    token_hash = hashed(f"{reset_id}.{_token(settings, reset_id)}")
    expires_at = await session_rows.now(session) + LASTS
    user_id = user.id if user else None
    session.add(Reset(id=reset_id, user_id=user_id, token_hash=token_hash, expires_at=expires_at))
    tell(session, events.ResetRequested(reset_id=reset_id, user_id=user_id))
    return reset_id


async def usable(database: Database, token: str) -> bool:
    async with database.system() as session:
        return await rows.usable(session, hashed(token)) is not None


async def use(database: Database, passwords: Passwords, token: str, password: str, browser: Browser) -> str:
    """Sets the password of the link's user and ends every session of theirs.

    Whoever can open the link is at home in this browser: returns the secret that makes it a known one of theirs, in which
    nobody else's attempts are in the way.

    Raises LinkError, WeakPasswordError, BusyError.
    """
    async with database.system() as session:
        found = await rows.usable(session, hashed(token))
        if found is None:
            raise LinkError
        about = [found[1].email, found[1].name]
    await passwords.check_new(password, about)
    kept = await passwords.hash(password)
    async with database.system(HOUSE) as session:
        # again: somebody else may have used it meanwhile
        found = await rows.usable(session, hashed(token))
        if found is None:
            raise LinkError
        reset, user = found
        await set_password(session, user, kept, "reset")
        await sessions.revoke_all(session, user.id, sessions.PASSWORD_CHANGED)
        tell(session, events.ResetUsed(reset_id=reset.id, user_id=user.id))
        return (await remember(session, user.id, browser))[1]


async def set_password(session: Session, user: User, password_hash: str, because: str) -> None:
    """The user has a new password; links that were made for the old one work no more."""
    user.password_hash = password_hash
    user.password_changed_at = await session_rows.now(session)
    user.must_change_password = False
    await rows.use_up(session, user.id)
    await session_rows.distrust(session, user.id)
    tell(session, events.PasswordChanged(user_id=user.id, because=because))


def _token(settings: Settings, reset_id: str) -> str:
    return Sealer(settings, "identity/reset").mac(reset_id)
