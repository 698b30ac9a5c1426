"""The rules of second factors: adding, showing, losing them.

Belongs here: codes of apps and recovery codes. Does not belong here: passkeys (passkeys.py), pages.

A code counts once: no code of the same or an older half minute is taken after it. Recovery codes are made when the
first factor is added, shown once, and count once each. Attempts have a throttle of their own, of which only who knows the
password can take a place.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta

import pyotp

from api.identity.directory import tell
from api.identity.repository import sessions as session_rows
from api.identity.repository import throttles
from api.identity.sessions import Browser
from api.identity.signin import ThrottledError, failed
from api.identity.throttle import for_factor
from api.mfa import events, repository
from api.mfa.models import RecoveryCode, Totp
from nexus.db import Database, Session
from nexus.errors import ConflictError, NexusError, NotFoundError, Permanent
from nexus.ids import new_id
from nexus.sealing import Sealer
from nexus.settings import Settings

STEP = 30
#: A code of the half minute before or after is taken too: clocks differ.
SLACK = 1
CODES = 10
TRUSTED = timedelta(days=30)
#: Without letters and digits that look alike.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class WrongCodeError(NexusError, Permanent):
    exit_code, status, code = 2, 403, "wrong_code"

    def __init__(self) -> None:
        super().__init__("That code is not right, or has been used. Wait for the next one.")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app is told: as text, and as the address of the picture that it reads."""

    secret: str
    uri: str


async def begin_totp(session: Session, settings: Settings, user_id: str, email: str) -> Enrolment:
    """A secret for an app, in place of one that was never confirmed. Raises ConflictError if the user has one that counts."""
    row = await repository.totp(session, user_id)
    if row is not None and row.confirmed_at is not None:
        raise ConflictError("there is an app already", remedy="remove it first")
    if row is not None:
        await repository.remove(session, row)
    secret, id = pyotp.random_base32(), new_id("otp")
    sealed = _sealer(settings).seal(secret.encode(), id)
    session.add(Totp(id=id, user_id=user_id, sealed_secret=sealed, confirmed_at=None, last_step=0))
    return enrolment(secret, email)


def enrolment(secret: str, email: str) -> Enrolment:
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Nexus"))


async def pending(session: Session, settings: Settings, user_id: str, email: str) -> Enrolment | None:
    """The enrolment that waits for its first code."""
    row = await repository.totp(session, user_id)
    if row is None or row.confirmed_at is not None:
        return None
    return enrolment(_secret(settings, row), email)


async def confirm_totp(session: Session, settings: Settings, user_id: str, code: str) -> list[str]:
    """The app counts from now on, if `code` is of it; returns recovery codes if there were none.

    Raises WrongCodeError, NotFoundError.
    """
    row = await repository.totp(session, user_id)
    if row is None or row.confirmed_at is not None:
        raise NotFoundError("no app waits for its first code", remedy="begin anew")
    if not _taken(row, _secret(settings, row), code):
        raise WrongCodeError
    row.confirmed_at = await session_rows.now(session)
    tell(session, events.FactorAdded(factor_id=row.id, user_id=user_id, kind="totp"))
    await session_rows.distrust(session, user_id)
    return [] if await repository.codes_left(session, user_id) else await make_codes(session, settings, user_id)


async def remove_totp(session: Session, user_id: str) -> None:
    row = await repository.totp(session, user_id)
    if row is not None:
        await repository.remove(session, row)
        if row.confirmed_at is not None:
            tell(session, events.FactorRemoved(factor_id=row.id, user_id=user_id, kind="totp"))
        await session_rows.distrust(session, user_id)


async def remove_all(session: Session, user_id: str) -> int:
    """The user has no second factor, no passkey and no recovery code any more; how many factors there were."""
    keys = await repository.passkeys(session, user_id)
    app = await repository.totp(session, user_id)
    for key in keys:
        await repository.remove(session, key)
        tell(session, events.FactorRemoved(factor_id=key.id, user_id=user_id, kind="passkey"))
    await remove_totp(session, user_id)
    await repository.replace_codes(session, user_id, [])
    return len(keys) + (app is not None and app.confirmed_at is not None)


async def make_codes(session: Session, settings: Settings, user_id: str) -> list[str]:
    """New recovery codes, in place of all that there were."""
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(CODES)]
    made = [
        RecoveryCode(id=new_id("rcv"), user_id=user_id, code_hash=_code_hash(settings, user_id, code)) for code in codes
    ]
    await repository.replace_codes(session, user_id, made)
    tell(session, events.RecoveryCodesMade(user_id=user_id))
    return ["-".join(code[i : i + 4] for i in range(0, 12, 4)) for code in codes]


async def show(database: Database, settings: Settings, browser: Browser, user_id: str, code: str) -> str:
    """Takes a code of the user's app, or a recovery code; returns which: `otp` or `recovery`.

    Raises WrongCodeError, ThrottledError.
    """
    places = for_factor(user_id)
    async with database.system() as session:
        full = await throttles.take(session, places)
        if full is None and (method := await _shown(session, settings, user_id, code)):
            await throttles.give_back(session, places)
            return method
        if full is None or full.is_news:
            failed(session, user_id, browser, "otp", "throttled" if full else "wrong_code")
    if full:
        raise ThrottledError(full.wait)
    raise WrongCodeError


async def _shown(session: Session, settings: Settings, user_id: str, code: str) -> str | None:
    compact = "".join(c for c in code.casefold() if c.isalnum())
    if compact.isdecimal() and len(compact) == 6:
        row = await repository.totp(session, user_id)
        is_right = row is not None and row.confirmed_at is not None and _taken(row, _secret(settings, row), compact)
        return "otp" if is_right else None
    used = await repository.use_code(session, user_id, _code_hash(settings, user_id, compact))
    if used is None:
        return None
    left = await repository.codes_left(session, user_id)
    tell(session, events.RecoveryCodeUsed(recovery_code_id=used, user_id=user_id, left=left))
    return "recovery"


def _taken(row: Totp, secret: str, code: str, now: float | None = None) -> bool:
    """Whether `code` is one of the app's of about now, and newer than the last that was taken; notes it."""
    compact = "".join(code.split())
    current = int(now if now is not None else time.time()) // STEP
    for step in range(current - SLACK, current + SLACK + 1):
        expected = pyotp.TOTP(secret).at(step * STEP)
        if step > row.last_step and hmac.compare_digest(expected.encode(), compact.encode()):
            row.last_step = step
            return True
    return False


def _sealer(settings: Settings) -> Sealer:
    return Sealer(settings, "mfa/totp")


def _secret(settings: Settings, row: Totp) -> str:
    return _sealer(settings).open(row.sealed_secret, row.id).decode()


def _code_hash(settings: Settings, user_id: str, code: str) -> str:
    return Sealer(settings, "mfa/recovery").mac(f"{user_id}/{code}")
