"""People as other slices know them: found, made, deactivated.

Belongs here: what other slices may ask of identity about a person. Does not belong here: what a person may do
(`api/organisations`), how they prove who they are. Every function takes a transaction of `Database.system()`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from api.identity import events
from api.identity.models import User
from api.identity.repository import sessions as session_rows
from api.identity.repository import users
from api.kernel.text import printable
from nexus.db import LOCAL_ORGANISATION, Session, Tenant
from nexus.errors import ConflictError, InputError
from nexus.events import Event
from nexus.ids import new_id

#: Whose events those about people are.
HOUSE = Tenant(LOCAL_ORGANISATION)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Person:
    """A user as other slices see them. `active` is false once they may no longer sign in anywhere."""

    id: str
    email: str
    email_verified: bool
    name: str
    active: bool

    @classmethod
    def of(cls, user: User) -> Person:
        return cls(user.id, user.email, user.email_verified_at is not None, user.name, user.deactivated_at is None)


def email_key(email: str) -> str:
    """The form in which addresses are compared: `Ada@Example.com` and `ada@example.com` are one person."""
    normal = unicodedata.normalize("NFKC", email.strip()).casefold()
    # what no database can hold is in nobody's address
    return "".join(c if c.isprintable() else "\ufffd" for c in normal)


def checked_email(email: str) -> str:
    """`email` without what surrounds it. Raises InputError if it cannot be an address."""
    stripped = email.strip()
    try:
        printable(stripped)
    except ValueError:
        stripped = ""
    if not _EMAIL.fullmatch(stripped):
        raise InputError("that is not an e-mail address", remedy="write it as name@example.com")
    return stripped


def checked_name(name: str) -> str:
    """Raises InputError if it is blank, too long or not printable."""
    stripped = name.strip()
    try:
        if len(stripped) <= LONGEST_NAME:
            return printable(stripped)
    except ValueError as error:
        raise InputError(f"the name {error}") from None
    raise InputError(f"the name has {len(stripped)} characters", remedy=f"use at most {LONGEST_NAME}")


async def user(session: Session, user_id: str) -> Person | None:
    found = await users.find(session, user_id)
    return Person.of(found) if found else None


async def by_email(session: Session, email: str) -> Person | None:
    found = await users.by_key(session, email_key(email))
    return Person.of(found) if found else None


async def create(
    session: Session,
    *,
    email: str,
    name: str,
    email_verified: bool = False,
    password_hash: str | None = None,
    must_change_password: bool = False,
) -> Person:
    """A new person. `password_hash` comes from `passwords.Passwords.hash`, called before the transaction begins.

    Raises InputError for an address or a name that cannot be used, ConflictError if somebody has the address.
    """
    email, name = checked_email(email), checked_name(name)
    if await users.by_key(session, email_key(email)):
        raise ConflictError(f"there is a user with the address {email}", remedy="invite them instead of making them")
    now = await session_rows.now(session)
    made = User(
        id=new_id("usr"),
        email=email,
        email_key=email_key(email),
        email_verified_at=now if email_verified else None,
        name=name,
        password_hash=password_hash,
        password_changed_at=now if password_hash else None,
        must_change_password=must_change_password,
    )
    session.add(made)
    tell(session, events.UserCreated(user_id=made.id))
    await session.flush()
    return Person.of(made)


async def rename(session: Session, user_id: str, *, name: str, email: str | None = None) -> None:
    """Another name; another address too, if `email` is one that is known to be theirs. Raises NotFoundError, InputError,
    ConflictError if somebody else has the address."""
    found = await users.get(session, user_id)
    name = checked_name(name)
    email = checked_email(email) if email else found.email
    if (name, email) == (found.name, found.email):
        return
    if email_key(email) != found.email_key:
        if await users.by_key(session, email_key(email)):
            raise ConflictError(f"there is a user with the address {email}")
        found.email_verified_at = await session_rows.now(session)
    found.name, found.email, found.email_key = name, email, email_key(email)
    tell(session, events.UserRenamed(user_id=user_id))


async def deactivate(session: Session, user_id: str) -> None:
    """Keeps the person from signing in and ends every session of theirs. Does nothing twice. Raises NotFoundError."""
    found = await users.get(session, user_id)
    if found.deactivated_at is None:
        found.deactivated_at = await session_rows.now(session)
        tell(session, events.UserDeactivated(user_id=user_id))
    for ended in await session_rows.end(session, user_id, "deactivated"):
        tell(session, events.SessionRevoked(session_id=ended, user_id=user_id, because="deactivated"))


async def reactivate(session: Session, user_id: str) -> None:
    """Lets the person sign in again. Raises NotFoundError."""
    found = await users.get(session, user_id)
    if found.deactivated_at is not None:
        found.deactivated_at = None
        tell(session, events.UserReactivated(user_id=user_id))


def tell(session: Session, happened: Event) -> None:
    """Records an event about a person, whatever tenant the transaction acts for."""
    session.record(happened, tenant=HOUSE)
