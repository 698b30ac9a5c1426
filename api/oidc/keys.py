"""Signing keys: when each is published, when it signs, and when the next one is made. The plan is pure, the ring keeps it.

Belongs here: the calendar of keys, holding those of now. Does not belong here: what is signed (tokens.py).

A key is published a day before it first signs, so that whoever keeps our keys for a while knows it by then, and for a week
after it last signed. ES256 is what is used; RS256 is there for clients that know nothing else (OpenID Connect asks for it).
"EdDSA" is not offered: its name is being replaced (RFC 9864), and clients disagree about it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from joserfc.jwk import ECKey, KeySet, RSAKey

from api.oidc.models import SigningKey
from api.oidc.repository import keys as rows
from nexus.db import Database, Session
from nexus.errors import MachineError
from nexus.sealing import Sealer, UnsealableError

ES256, RS256 = "ES256", "RS256"
ALGORITHMS = (ES256, RS256)
SIGNS_FOR = timedelta(days=90)
PUBLISHED_BEFORE = timedelta(days=1)
PUBLISHED_AFTER = timedelta(days=7)
#: For how long a process believes what it has read of the keys, in seconds.
_KEPT = 60.0
#: An unknown key makes it look again at most so often, in seconds.
_ANEW = 2.0


class Lasting(Protocol):
    """What the calendar needs of a key."""

    signs_from: datetime
    signs_until: datetime


def missing(keys: Sequence[Lasting], now: datetime) -> tuple[datetime, datetime] | None:
    """The span for which a key of one algorithm must be made now; None if those there are suffice."""
    last = max((k.signs_until for k in keys), default=None)
    if last is None or last <= now:
        return now, now + SIGNS_FOR
    if last <= now + PUBLISHED_BEFORE:
        return last, last + SIGNS_FOR
    return None


def signing(keys: Sequence[Lasting], now: datetime) -> int | None:
    """Index of the key that signs: the newest of those whose time it is."""
    fit = [(k.signs_from, i) for i, k in enumerate(keys) if k.signs_from <= now < k.signs_until]
    return max(fit)[1] if fit else None


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys as they were at one moment. `private` has the one that signs, by algorithm."""

    public: dict[str, Any]
    private: dict[str, ECKey | RSAKey]
    verifying: dict[str, ECKey | RSAKey]

    @property
    def key_set(self) -> KeySet:
        return KeySet(list(self.verifying.values()))


class Keys:
    """The keys of this home, read again every minute; makes those that are missing."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer
        self._ring: Ring | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def ring(self) -> Ring:
        if self._ring is None or time.monotonic() - self._read_at > _KEPT:
            async with self._lock:
                if self._ring is None or time.monotonic() - self._read_at > _KEPT:
                    self._ring = await self._load()
                    self._read_at = time.monotonic()
        return self._ring

    async def know(self, kid: str | None) -> None:
        """Reads anew if `kid` is unknown, as after another process has rotated; not more often than tokens can be made up."""
        ring = await self.ring()
        if kid is not None and kid not in ring.verifying and time.monotonic() - self._read_at > _ANEW:
            self.forget()

    def forget(self) -> None:
        """Makes the next question read anew."""
        self._ring = None

    async def _load(self) -> Ring:
        async with self._database.system() as session:
            return await ring_of(session, self._sealer)


async def rotate(session: Session, sealer: Sealer) -> None:
    """Makes new keys sign from now on; those of before stay published for as long as what they have signed may live."""
    now = await rows.lock(session)
    await rows.stop_signing(session, now)
    for algorithm in ALGORITHMS:
        session.add(await _made(sealer, algorithm, now, now + SIGNS_FOR))


async def ring_of(session: Session, sealer: Sealer) -> Ring:
    """The keys of now; those that are missing are made. Raises MachineError if none of the time of now can sign."""
    now = await rows.now(session)
    known = await rows.published(session, now - PUBLISHED_AFTER)
    if _incomplete(known, now, sealer):
        # whoever was waiting for the lock sees what the other has made
        now = await rows.lock(session)
        known = await rows.published(session, now - PUBLISHED_AFTER)
        for algorithm, (signs_from, signs_until) in _incomplete(known, now, sealer):
            made = await _made(sealer, algorithm, signs_from, signs_until)
            session.add(made)
            known.append(made)
        await rows.forget(session, now - PUBLISHED_AFTER)
    return _opened(known, now, sealer)


def _incomplete(
    known: Sequence[SigningKey], now: datetime, sealer: Sealer
) -> list[tuple[str, tuple[datetime, datetime]]]:
    usable = [k for k in known if _private(k, sealer) is not None]
    wanted = ((a, missing([k for k in usable if k.algorithm == a], now)) for a in ALGORITHMS)
    return [(algorithm, span) for algorithm, span in wanted if span]


def _opened(known: Sequence[SigningKey], now: datetime, sealer: Sealer) -> Ring:
    private: dict[str, ECKey | RSAKey] = {}
    for algorithm in ALGORITHMS:
        usable = [k for k in known if k.algorithm == algorithm and _private(k, sealer) is not None]
        index = signing(usable, now)
        found = _private(usable[index], sealer) if index is not None else None
        if found is None:
            raise MachineError(f"there is no key that signs {algorithm}", remedy="is the clock of this machine right?")
        private[algorithm] = found
    return Ring({"keys": [k.public for k in known]}, private, {k.id: _imported(k.public) for k in known})


def _private(row: SigningKey, sealer: Sealer) -> ECKey | RSAKey | None:
    """None for a key that was sealed under another home's key: it still verifies, and another one signs."""
    try:
        return _imported(orjson.loads(sealer.open(row.sealed, row.id)))
    except UnsealableError:
        return None


async def _made(sealer: Sealer, algorithm: str, signs_from: datetime, signs_until: datetime) -> SigningKey:
    # RSA takes a tenth of a second: not on the event loop
    key = await asyncio.to_thread(_generate, algorithm)
    named = {"alg": algorithm, "use": "sig", "kid": key.thumbprint()}
    return SigningKey(
        id=named["kid"], algorithm=algorithm, public={**key.as_dict(private=False), **named},
        sealed=sealer.seal(orjson.dumps({**key.as_dict(private=True), **named}), named["kid"]),
        signs_from=signs_from, signs_until=signs_until,
    )  # fmt: skip


def _generate(algorithm: str) -> ECKey | RSAKey:
    return ECKey.generate_key("P-256") if algorithm == ES256 else RSAKey.generate_key(2048)


def _imported(jwk: dict[str, Any]) -> ECKey | RSAKey:
    return ECKey.import_key(jwk) if jwk["kty"] == "EC" else RSAKey.import_key(jwk)
