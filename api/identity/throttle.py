"""Throttles of attempts to sign in: they slow down whoever guesses, and never shut out whoever knows.

Belongs here: the buckets, and the arithmetic of one. Does not belong here: their rows, what an attempt is.

A bucket holds so many failures and loses one every so often; an attempt takes its place before it is made and is given
it back if it succeeds, so that a thousand at once are not more than ten. In a browser where its owner has signed in before,
an account has a bucket of its own, which nobody else can fill. Anybody else shares three: of the account, of the address
from which they come, of the domain of the e-mail addresses that they try.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.identity.directory import email_key
from nexus.limits import network


@dataclass(frozen=True, slots=True)
class Bucket:
    """Holds `size` failures; loses one each `every`."""

    name: str
    size: int
    every: timedelta

    def key(self, of: str) -> bytes:
        """What its row is found by. A hash: tables of throttles tell nobody who was tried."""
        return hashlib.sha256(f"{self.name}\0{of}".encode()).digest()


DEVICE = Bucket("device", 10, timedelta(minutes=1))
ACCOUNT = Bucket("account", 10, timedelta(minutes=5))
ADDRESS = Bucket("address", 50, timedelta(seconds=10))
DOMAIN = Bucket("domain", 200, timedelta(seconds=2))
#: Links that set a password.
RESET = Bucket("reset", 3, timedelta(minutes=10))
RESET_ADDRESS = Bucket("reset_address", 20, timedelta(minutes=1))
#: The password, asked again of who is signed in: nobody else fills it.
SELF = Bucket("self", 10, timedelta(minutes=1))
#: Codes of a second factor, of one account.
FACTOR = Bucket("factor", 10, timedelta(minutes=5))
#: Codes that devices show, typed by who is signed in (RFC 8628, 5.1).
USER_CODE = Bucket("user_code", 10, timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Place:
    """One place in one bucket."""

    bucket: Bucket
    key: bytes


def taken(bucket: Bucket, drained_at: datetime | None, now: datetime) -> datetime | timedelta:
    """When the bucket is empty again after one more; or, if it is full, how long until there is room."""
    level = max(drained_at or now, now) - now
    room = bucket.every * (bucket.size - 1)
    return level - room if level > room else now + level + bucket.every


def places(email: str, address: str, device_id: str | None) -> list[Place]:
    """What an attempt to sign in takes, in the order in which rows are locked."""
    account = email_key(email)
    if device_id:
        return [_place(DEVICE, device_id)]
    found = [
        _place(ACCOUNT, account),
        _place(ADDRESS, network(address)),
        _place(DOMAIN, account.rpartition("@")[2]),
    ]
    return sorted(found, key=lambda place: place.key)


def for_reset(email: str, address: str) -> list[Place]:
    found = [_place(RESET, email_key(email)), _place(RESET_ADDRESS, network(address))]
    return sorted(found, key=lambda place: place.key)


def for_account(user_id: str) -> list[Place]:
    return [_place(SELF, user_id)]


def for_factor(user_id: str) -> list[Place]:
    return [_place(FACTOR, user_id)]


def for_user_code(user_id: str) -> list[Place]:
    return [_place(USER_CODE, user_id)]


def _place(bucket: Bucket, of: str) -> Place:
    return Place(bucket, bucket.key(of))
