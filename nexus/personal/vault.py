"""Sealing and opening texts under keys of persons.

Belongs here: the statements on `app.privacy_key`, the form of a sealed text. Does not belong here: erasing (api/privacy).

    sealed:1:usr_…:<base64url of AES-256-SIV>

The same text of the same person seals to the same: whoever counts or groups by it may go on, and learns nothing about
other persons. The person is authenticated with it: a text moved to another person does not open.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

MARK = "sealed:1:"
#: What readers see in place of a value whose person has been erased.
ERASED = "(erased)"
#: What somebody who takes their own data sees in place of another person's.
OTHERS = "(another person's)"
_KEY_BYTES = 64
_ENSURE = text(
    "insert into app.privacy_key (subject, key) select unnest(cast(:subjects as text[])), unnest(cast(:keys as bytea[]))"
    " on conflict (subject) do nothing"
)
_READ = text("select subject, key from app.privacy_key where subject = any(:subjects)")


def is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MARK)


def seal(key: bytes | None, subject: str, plain: str) -> str:
    """`plain` under the person's key; for a person who has been erased, what readers would see anyway."""
    if key is None:
        return ERASED
    return (
        f"{MARK}{subject}:{base64.urlsafe_b64encode(AESSIV(key).encrypt(plain.encode(), [subject.encode()])).decode()}"
    )


def open_with(keys: Mapping[str, bytes | None], value: str) -> str:
    """The text, or ERASED if its person's key is gone. What is not sealed comes back as it is."""
    if not is_sealed(value):
        return value
    subject, _, body = value.removeprefix(MARK).partition(":")
    key = keys.get(subject)
    if key is None:
        return ERASED
    try:
        return AESSIV(key).decrypt(base64.urlsafe_b64decode(body), [subject.encode()]).decode()
    except (InvalidTag, ValueError):
        return ERASED


def subject_of(value: str) -> str:
    return value.removeprefix(MARK).partition(":")[0]


async def sealed_text(session: AsyncSession, subject: str, plain: str) -> str:
    return seal((await _ensured(session, {subject}))[subject], subject, plain)


async def opened_text(session: AsyncSession, value: str) -> str:
    return open_with(await _keys(session, {subject_of(value)}), value) if is_sealed(value) else value


async def sealed(session: AsyncSession, told: Collection[tuple[dict[str, Any], Mapping[str, str]]]) -> None:
    """Seals fields in place: pairs of data and of its personal fields (field → subject)."""
    subjects = {subject for _, fields in told for subject in fields.values()}
    if not subjects:
        return
    keys = await _ensured(session, subjects)
    for data, fields in told:
        for name, subject in fields.items():
            if isinstance(data[name], str) and not is_sealed(data[name]):
                data[name] = seal(keys[subject], subject, data[name])


async def opened(
    session: AsyncSession, told: Collection[Mapping[str, Any]], *, only: str | None = None
) -> list[dict[str, Any]]:
    """The data with what was sealed opened, as far as its persons have keys; `only` what is sealed under this person's."""
    subjects = {subject_of(value) for data in told for value in data.values() if is_sealed(value)}
    mine = subjects if only is None else subjects & {only}
    keys = await _keys(session, mine) if mine else {}

    def shown(value: Any) -> Any:
        if not is_sealed(value):
            return value
        return open_with(keys, value) if subject_of(value) in mine else OTHERS

    return [{name: shown(value) for name, value in data.items()} for data in told]


async def _ensured(session: AsyncSession, subjects: Collection[str]) -> dict[str, bytes | None]:
    found = await _keys(session, subjects)
    # in one order: two transactions that make the same two never wait for each other
    missing = sorted(set(subjects) - found.keys())
    if missing:
        made = [secrets.token_bytes(_KEY_BYTES) for _ in missing]
        await session.execute(_ENSURE, {"subjects": missing, "keys": made})
        # another may have been first
        found |= await _keys(session, missing)
    return found


async def _keys(session: AsyncSession, subjects: Collection[str]) -> dict[str, bytes | None]:
    rows = await session.execute(_READ, {"subjects": sorted(subjects)})
    return {subject: bytes(key) if key is not None else None for subject, key in rows}
