"""How content each account is, week by week: the hidden cause of use, upgrades and leaving.

Health is a slowly moving quantity around the account's fit. Troubles strike at random and wear off over months; most
who are struck recover, some leave. Nothing in the exports states health; it can only be inferred from behaviour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nexus.demo.options import WEEK, Options
from nexus.demo.rand import Streams
from nexus.demo.world.accounts import Accounts

_MEMORY = 0.93
_NOISE = 0.16
_TROUBLE_A_WEEK = 0.010


def weeks(options: Options) -> int:
    return (options.end - options.start) // WEEK + 1


def make_health(options: Options, streams: Streams, accounts: Accounts) -> NDArray[np.float64]:
    """Health by account and week of the window, about −3 to +2; a newcomer starts keen."""
    rng = streams.get("health")
    n, count = len(accounts), weeks(options)
    noise = rng.normal(0.0, _NOISE, (n, count))
    trouble = (rng.random((n, count)) < _TROUBLE_A_WEEK) * rng.gamma(3.0, 0.55, (n, count))
    born = (accounts.signed_up_at - options.start) // WEEK
    level = accounts.fit + 0.5
    health = np.empty((n, count))
    pressure = np.zeros(n)
    for week in range(count):
        alive = week > born
        level = np.where(alive, accounts.fit + _MEMORY * (level - accounts.fit) + noise[:, week], level)
        pressure = np.where(alive, 0.95 * pressure + trouble[:, week], 0.0)
        health[:, week] = level - np.minimum(pressure, 3.0)
    return health
