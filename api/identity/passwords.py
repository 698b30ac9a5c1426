"""Passwords: hashed and compared off the event loop, and refused when they are easy to guess.

Belongs here: argon2id at OWASP's parameters, its threads, what a new password must be. Does not belong here: whose it is.

A comparison costs tens of milliseconds of one core and 19 MiB, by intent: so few run at once, few more wait, and whoever
comes after is told to come back. An address without a password costs the same as one with.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, TypeVar

import httpx
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from api.kernel.text import printable
from nexus.errors import InputError, MachineError
from nexus.settings import Settings

T = TypeVar("T")
#: OWASP's Password Storage Cheat Sheet, argon2id: KiB of memory, passes, lanes.
MEMORY, PASSES, LANES = 19_456, 2, 1
LONGEST = 256
#: Attempts that may wait for a thread; each takes some 40 ms.
MOST_WAITING = 64
#: Only so much is looked at when guesses are counted: the time for it grows with the square.
_ESTIMATED = 72
#: zxcvbn's highest score: at least 10¹⁰ guesses.
_SAFE = 4
_log = logging.getLogger("nexus.identity")


class BusyError(MachineError):
    """So many passwords are being compared that one more would wait for seconds."""

    code = "busy"
    headers: ClassVar = {"Retry-After": "2"}


class WeakPasswordError(InputError):
    code = "weak_password"

    @property
    def sentence(self) -> str:
        """For the reader of a page."""
        said = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{said[0].upper()}{said[1:]}."


class Passwords:
    """Of one process. Its threads begin with the first password."""

    def __init__(self, settings: Settings, threads: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        self.least = settings.password_least
        self._breached_url = settings.breached_passwords_url
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES)
        self._threads = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), thread_name_prefix="argon2")
        self._most_waiting = most_waiting
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Call it outside a transaction. Raises BusyError."""
        return await self._apart(lambda: self.hash_now(password))

    def hash_now(self, password: str) -> str:
        """For commands, which have no event loop to spare."""
        return self._hasher.hash(_normal(password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one of which `kept` is the hash. Without a hash: False, after the same work.

        Call it outside a transaction. Raises BusyError.
        """
        return await self._apart(lambda: self._matches(kept or _of_nobody(), password))

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    async def check_new(self, password: str, about: Sequence[str] = ()) -> None:
        """Raises WeakPasswordError unless `password` may be chosen. `about` are words that its owner's enemies know."""
        check_length(password, self.least)
        if said := await self._apart(lambda: _guessable(password, about)):
            raise WeakPasswordError(said, remedy="several words that do not belong together are hard to guess")
        if self._breached_url and await _is_breached(self._breached_url, password):
            raise WeakPasswordError(
                "that password was published in a breach of another service", remedy="choose one used nowhere else"
            )

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _normal(password))
        except VerificationError:
            return False

    async def _apart(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._most_waiting:
            raise BusyError("too many people sign in at this moment", remedy="try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check_length(password: str, least: int) -> None:
    """Length first: what is long enough is hard to guess whatever it is made of. Raises WeakPasswordError."""
    length = len(_normal(password))
    if length < least:
        raise WeakPasswordError(f"the password has {length} characters", remedy=f"use at least {least}; spaces count")
    if length > LONGEST:
        raise WeakPasswordError(f"the password has {length} characters", remedy=f"use at most {LONGEST}")
    try:
        printable(password)
    except ValueError as error:
        raise WeakPasswordError(f"the password {error}") from None


def _guessable(password: str, about: Sequence[str]) -> str | None:
    """What is said against `password` by the list of passwords that everybody tries first, and by counting guesses."""
    from zxcvbn import zxcvbn
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    text = _normal(password)
    if text.casefold() in FREQUENCY_LISTS["passwords"]:
        return "that password is among the ones that are tried first"
    words = {part for phrase in about for part in _parts(phrase)} | {"nexus"}
    found = zxcvbn(text[:_ESTIMATED], user_inputs=sorted(words), max_length=_ESTIMATED)
    if found["score"] >= _SAFE:
        return None
    warning = str(found["feedback"]["warning"]).rstrip(".")
    return f"that password is easy to guess{': ' + warning[0].lower() + warning[1:] if warning else ''}"


def _parts(phrase: str) -> list[str]:
    """Words of a name or an address, and the whole."""
    separated = "".join(c if c.isalnum() else " " for c in phrase)
    return [phrase.casefold(), *(w.casefold() for w in separated.split() if len(w) > 2)]


async def _is_breached(url: str, password: str) -> bool:
    """Asks a service of the form of Have I Been Pwned's range API, which learns five digits of a SHA-1 and no more.

    A service that does not answer refuses nobody: the bundled list has been asked already.
    """
    digest = hashlib.sha1(_normal(password).encode(), usedforsecurity=False).hexdigest().upper()
    try:
        async with httpx.AsyncClient(timeout=3, follow_redirects=False) as client:
            answer = await client.get(f"{url.rstrip('/')}/{digest[:5]}", headers={"Add-Padding": "true"})
            answer.raise_for_status()
    except httpx.HTTPError as error:
        _log.warning("the service for breached passwords does not answer: %s", type(error).__name__)
        return False
    counts = dict(line.strip().split(":", 1) for line in answer.text.splitlines() if ":" in line)
    return counts.get(digest[5:], "0") != "0"


def _normal(password: str) -> str:
    """What looks the same is the same, whichever keyboard it came from."""
    return unicodedata.normalize("NFKC", password)


def _of_nobody() -> str:
    """A hash that no password has, of today's parameters: made without hashing anything."""
    salt, digest = (base64.b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (16, 32))
    return f"$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${digest}"
