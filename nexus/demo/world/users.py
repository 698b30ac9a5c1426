"""The people who use the accounts: who invites whom, when they join and leave, how they read mail and sign in.

Belongs here: traits and dates of users. What they do day by day is decided in mail, logins and files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nexus.demo.names import people
from nexus.demo.options import DAY, Options
from nexus.demo.rand import Flags, Floats, Ints, Streams, addresses, pick, tokens
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.ledger import Ledger

NEVER = np.int64(2**62)
OFFBOARD_DAYS = 30
#: How a user reads mail: a desktop client, a client that fetches everything itself, or a proxy that does at times.
CLIENTS = ("plain", "privacy", "proxy")


@dataclass(frozen=True, slots=True)
class Users:
    """One entry per user, grouped by account, the owner first. Times are NEVER where it does not happen."""

    account: Ints
    is_owner: Flags
    invited_at: Ints
    activated_at: Ints
    left_at: Ints
    mfa_at: Ints
    admin_at: Ints
    mailbox_dies_at: Ints
    energy: Floats  #: own level of activity
    client: Ints
    browser: Ints
    id: list[str]
    given: list[str]
    family: list[str]
    email: list[str]
    home_ip: list[str]

    def __len__(self) -> int:
        return len(self.id)

    def is_present(self, at: int) -> Flags:
        return (self.activated_at <= at) & (at < self.left_at)


def make_seats(options: Options, accounts: Accounts, ledger: Ledger) -> NDArray[np.int32]:
    """Seats by account and day; 0 where the account has no access. The first day counts, the last does not."""
    seats = np.zeros((len(accounts), options.days), dtype=np.int32)
    for account, start, until, quantity in sorted(ledger.access):
        first, last = (start - options.start) // DAY, (until - options.start) // DAY
        seats[account, first:last] = quantity
    return seats


def make_users(options: Options, streams: Streams, accounts: Accounts, seats: NDArray[np.int32]) -> Users:
    rng = streams.get("users")
    account, rank, first, last = _places(accounts, seats)
    invited = options.start + first * DAY + (rng.exponential(5.0, len(account)) * DAY).astype(np.int64)
    invited = invited // DAY * DAY + (_office_second(rng, len(account)) - accounts.utc_offset[account] * 3600) % DAY
    invited = np.maximum(invited, accounts.signed_up_at[account] + 900)
    owner = rank == 0
    invited = np.where(owner, accounts.signed_up_at[account], invited)
    keep = owner | ((invited < options.end) & (_seats_at(options, seats, account, invited) > rank))
    account, rank, first, last, invited, owner = (x[keep] for x in (account, rank, first, last, invited, owner))
    n = len(account)

    lag = np.where(owner, rng.integers(30, 600, n), np.exp(rng.normal(9.9, 1.6, n)).astype(np.int64) + 60)
    activated = np.where(owner | (rng.random(n) > 0.05), invited + lag, NEVER)
    left = _leaving(options, rng, seats, account, rank, last)
    own = invited + (rng.exponential(1100.0, n) * DAY).astype(np.int64) + 7 * DAY
    left = np.where(owner, left, np.minimum(left, own))
    activated = np.where((activated < left) & (activated < options.end), activated, NEVER)
    left = np.where((left < options.end) & (left > invited + 60), left, NEVER)

    given, family = people(streams.get("people"), n)
    for position in np.flatnonzero(owner).tolist():
        given[position], family[position] = accounts.owner[account[position]]
    tier = accounts.tier[account]
    enrols = rng.random(n) < np.array([0.30, 0.5, 0.93])[tier]
    mfa = activated + 120 + (rng.exponential(9.0, n) * DAY).astype(np.int64)
    promoted = invited + (rng.exponential(120.0, n) * DAY).astype(np.int64) + DAY
    dies = np.where(rng.random(n) < 0.025, invited + (rng.exponential(200.0, n) * DAY).astype(np.int64), NEVER)
    return Users(
        account=account,
        is_owner=owner,
        invited_at=invited,
        activated_at=activated,
        left_at=left,
        mfa_at=_within(enrols & (mfa < left) & (activated < NEVER), mfa, options.end),
        admin_at=np.where(owner, invited, _within((rng.random(n) < 0.05) & (promoted < left), promoted, options.end)),
        mailbox_dies_at=np.where(owner, NEVER, dies),
        energy=np.exp(rng.normal(-0.15, 0.55, n)) * np.where(owner, 1.5, 1.0),
        client=pick(rng, [55, 33, 12], n),
        browser=rng.integers(0, 5, n),
        id=[f"00u{t}" for t in tokens(rng, n, 17)],
        given=given,
        family=family,
        email=_emails(given, family, [accounts.domain[a] for a in account.tolist()]),
        home_ip=addresses(rng, n),
    )


def _within(wanted: Flags, at: Ints, end: int) -> Ints:
    return np.where(wanted & (at < end), at, NEVER)


def _office_second(rng: np.random.Generator, n: int) -> Ints:
    return (np.clip(rng.normal(13.0, 2.6, n), 6, 22) * 3600).astype(np.int64)


def _places(accounts: Accounts, seats: NDArray[np.int32]) -> tuple[Ints, Ints, Ints, Ints]:
    """One place per seat that an account ever had: account, rank, first and last day with that many seats."""
    account, rank, first, last = [], [], [], []
    for index in range(len(accounts)):
        row = seats[index]
        ranks = np.arange(max(1, int(row.max())))
        rising = np.maximum.accumulate(row)
        falling = np.maximum.accumulate(row[::-1])
        account.append(np.full(len(ranks), index))
        rank.append(ranks)
        first.append(np.minimum(np.searchsorted(rising, ranks, side="right"), len(row) - 1))
        last.append(len(row) - 1 - np.searchsorted(falling, ranks, side="right"))
    return tuple(np.concatenate(x).astype(np.int64) for x in (account, rank, first, last))  # type: ignore[return-value]


def _seats_at(options: Options, seats: NDArray[np.int32], account: Ints, at: Ints) -> Ints:
    day = np.clip((at - options.start) // DAY, 0, options.days - 1)
    return seats[account, day].astype(np.int64)


def _leaving(
    options: Options, rng: np.random.Generator, seats: NDArray[np.int32], account: Ints, rank: Ints, last: Ints
) -> Ints:
    """A place that is given up is closed within the day; when the account ends, all are closed a month later."""
    final = last >= options.days - 1
    after = np.minimum(last + 1, options.days - 1)
    shrunk = seats[account, after] > 0
    at = (
        options.start
        + (last + 1) * DAY
        + np.where(shrunk, 0, OFFBOARD_DAYS * DAY)
        + rng.integers(3600, 40_000, len(account))
    )
    return np.where(final, NEVER, at)


def _emails(given: list[str], family: list[str], domain: list[str]) -> list[str]:
    used: dict[str, int] = {}
    made = []
    for first, second, host in zip(given, family, domain, strict=True):
        local = f"{first}.{second}".lower()
        count = used[local + host] = used.get(local + host, 0) + 1
        made.append(f"{local}{'' if count == 1 else count}@{host}")
    return made
