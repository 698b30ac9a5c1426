"""Who signs in when: use follows health, season and lately clicked campaigns.

Belongs here: sessions, failed tries, second factors, password resets. The attack is told in incidents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nexus.demo.options import DAY, WEEK, Options
from nexus.demo.rand import Flags, Floats, Ints, Streams
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.mail import Mail
from nexus.demo.world.users import NEVER, Users

#: Sign-ins a day of an ordinary user on an ordinary working day.
_RATE = 0.058
_WEEKDAY = np.array([1.1, 1.2, 1.2, 1.1, 0.9, 0.2, 0.18])
#: Sign-ins by month: quiet in August and in the last days of December.
_MONTH = np.array([1.0, 1.02, 1.04, 1.0, 1.0, 0.97, 0.86, 0.78, 1.03, 1.06, 1.05, 0.85])
_LIFT = 1.2
_CHUNK = 4000


@dataclass(frozen=True, slots=True)
class Logins:
    """`sessions`: one row per sign-in (user, at, is_mfa); `failures`: user, at."""

    sessions: pl.DataFrame
    failures: pl.DataFrame


def make_resets(options: Options, streams: Streams, users: Users) -> tuple[Ints, Ints]:
    """Forgotten passwords: user and moment."""
    rng = streams.get("resets")
    last = np.minimum(users.left_at, options.end)
    span = np.where(users.activated_at < NEVER, last - users.activated_at - 2 * DAY, 0)
    chosen = np.flatnonzero((span > 0) & (rng.random(len(users)) < 0.6 * span / (365 * DAY)))
    at = users.activated_at[chosen] + DAY + (rng.random(len(chosen)) * span[chosen]).astype(np.int64)
    order = np.argsort(at, kind="stable")
    return chosen[order], at[order]


def make_logins(
    options: Options,
    streams: Streams,
    accounts: Accounts,
    users: Users,
    seats: NDArray[np.int32],
    health: NDArray[np.float64],
    mail: Mail,
) -> Logins:
    rng = streams.get("logins")
    user, day = _days_of_use(options, rng, users, seats, health, _lift(options, users, mail))
    first = np.flatnonzero(users.activated_at < NEVER)  # everyone signs in when they join
    offset = accounts.utc_offset[users.account[user]]
    at = options.start + day * DAY + (_hours(rng, len(user)) - offset * 3600) % DAY
    user, at = np.concatenate([first, user]), np.concatenate([users.activated_at[first] + 15, at])
    inside = (at >= users.activated_at[user]) & (at < users.left_at[user]) & (at < options.end - 60)
    user, at = user[inside], at[inside]
    order = np.lexsort((user, at))
    user, at = user[order], at[order]
    n = len(user)
    sessions = pl.DataFrame(
        {
            "user": user,
            "at": at,
            "is_mfa": (at > users.mfa_at[user]) & (rng.random(n) < 0.7),
        }
    )
    stumbles = rng.random(n) < 0.045
    tries = np.repeat(np.flatnonzero(stumbles), rng.integers(1, 3, int(stumbles.sum())))
    failed_at = at[tries] - rng.integers(8, 90, len(tries))
    known = failed_at >= users.activated_at[user[tries]]
    failures = pl.DataFrame({"user": user[tries][known], "at": failed_at[known]})
    return Logins(sessions, failures.sort("at", "user"))


def _lift(options: Options, users: Users, mail: Mail) -> tuple[Ints, Ints]:
    """User and day of every campaign click or open: the three days after it see more of them."""
    seen = mail.campaigns.filter(pl.col("open_at") > 0).select("user", "open_at", "click_at")
    day = (seen["open_at"].to_numpy() - options.start) // DAY
    return seen["user"].to_numpy(), day


def _days_of_use(
    options: Options,
    rng: np.random.Generator,
    users: Users,
    seats: NDArray[np.int32],
    health: NDArray[np.float64],
    lift: tuple[Ints, Ints],
) -> tuple[Ints, Ints]:
    """User and day of each sign-in, drawn from a rate by user and day."""
    days = options.days
    season = _season(options)
    lifted = np.zeros((len(users), days), dtype=bool)
    for later in range(3):
        ok = lift[1] + later < days
        lifted[lift[0][ok], lift[1][ok] + later] = True
    week = np.arange(days) * DAY // WEEK
    found_user, found_day = [], []
    for low in range(0, len(users), _CHUNK):
        part = slice(low, min(low + _CHUNK, len(users)))
        account = users.account[part]
        rate = np.exp(1.05 * np.clip(health, -4, 1.5))[account][:, week] * (seats[account] > 0) * season
        rate *= _RATE * users.energy[part][:, None] * np.where(lifted[part], 1 + _LIFT, 1.0)
        count = rng.poisson(np.minimum(rate, 4.0))
        rows, columns = np.nonzero(count)
        times = count[rows, columns]
        found_user.append(np.repeat(rows + low, times))
        found_day.append(np.repeat(columns, times))
    return np.concatenate(found_user), np.concatenate(found_day)


def _season(options: Options) -> Floats:
    day = np.arange(options.days)
    months = (np.datetime64(options.first_day) + day).astype("datetime64[M]").astype(int) % 12
    season: Floats = _WEEKDAY[(day + options.first_day.weekday()) % 7] * _MONTH[months]
    return season


def is_at_home(user: Ints, at: Ints) -> Flags:
    """Whether a user works from home on the day of `at`; the same for every service that sees them that day."""
    return (user * 7919 + at // DAY * 104_729) % 100 < 35


def _hours(rng: np.random.Generator, n: int) -> Ints:
    """Local second of the day: a morning and an afternoon peak, some evenings."""
    kind = rng.random(n)
    hour = np.where(
        kind < 0.5, rng.normal(9.3, 1.2, n), np.where(kind < 0.9, rng.normal(14.2, 1.9, n), rng.normal(20.5, 1.6, n))
    )
    return (np.clip(hour, 0, 23.99) * 3600).astype(np.int64)
