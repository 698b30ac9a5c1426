"""The two incidents of the demo company, both in its last month: a credential-stuffing burst, then an exfiltration.

One address tries many sign-ins within minutes, mostly in vain; one password fits. Days later, at night and from another
address, that user downloads nearly everything their account has stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from nexus.demo.options import DAY, Options
from nexus.demo.rand import Ints, Streams
from nexus.demo.world.files import DOWNLOAD, Files, stored
from nexus.demo.world.users import NEVER, Users

BURST_IP = "203.0.113.66"
EXFILTRATION_IP = "192.0.2.147"
BURST_SECONDS = 540
_MOST_DOWNLOADS = 2400
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Incidents:
    """`attempts`: user (−1: no such user), guess, at, is_success; `downloads`: as operations of files.

    `victim` is None when nobody is there to be robbed (a very small company whose customers have all left).
    """

    attempts: pl.DataFrame
    downloads: pl.DataFrame
    victim: int | None
    session_at: int


def make_incidents(options: Options, streams: Streams, users: Users, files: Files) -> Incidents:
    rng = streams.get("incidents")
    burst_at = options.end - 12 * DAY + 3 * 3600 + int(rng.integers(0, 3600))
    theft_at = options.end - 8 * DAY + 1 * 3600 + int(rng.integers(0, 3600))
    victim, objects = _victim(users, files, burst_at, theft_at)
    attempts = _attempts(options, rng, users, burst_at, victim)
    return Incidents(attempts, _downloads(rng, users, victim, objects, theft_at), victim, theft_at)


def _victim(users: Users, files: Files, burst_at: int, theft_at: int) -> tuple[int | None, Ints]:
    """Somebody without a second factor, there at both times, in the account that stores most."""
    there = users.is_present(burst_at) & users.is_present(theft_at + DAY)
    held = stored(files, theft_at).filter(pl.col("gone_at") > theft_at + DAY)
    by_account = held.group_by("account").agg(pl.len(), pl.col("size").sum()).sort("size", "account", descending=True)
    for account in by_account["account"].to_list():
        found = np.flatnonzero(there & (users.account == account))
        if len(found):
            without = found[users.mfa_at[found] == NEVER]
            return int((without if len(without) else found)[-1]), held.filter(pl.col("account") == account)[
                "object"
            ].to_numpy()
    return None, np.zeros(0, dtype=np.int64)


def _attempts(options: Options, rng: np.random.Generator, users: Users, at: int, victim: int | None) -> pl.DataFrame:
    n = int(np.clip(options.customers * 0.8, 90, 1800))
    present = np.flatnonzero(users.is_present(at))
    known = (rng.random(n) < 0.72) if len(present) else np.zeros(n, dtype=bool)
    user = np.where(known, present[rng.integers(0, max(1, len(present)), n)] if len(present) else _UNKNOWN, _UNKNOWN)
    when = at + np.sort(rng.integers(0, BURST_SECONDS, n))
    guess = rng.integers(1000, 10_000, n)
    success = np.zeros(n, dtype=bool)
    if victim is not None:
        hit = int(n * 0.83)
        user[hit], success[hit] = victim, True
    frame = {"user": user, "guess": guess, "at": when, "is_success": success}
    return pl.DataFrame(frame, schema_overrides={"user": pl.Int64, "guess": pl.Int64, "at": pl.Int64})


def _downloads(rng: np.random.Generator, users: Users, victim: int | None, objects: Ints, at: int) -> pl.DataFrame:
    rounds = 1 if len(objects) > _MOST_DOWNLOADS // 4 else 3
    taken = np.tile(objects, rounds)[:_MOST_DOWNLOADS].astype(np.int64)
    schema = dict.fromkeys(("user", "account", "object", "kind", "at"), pl.Int64)
    if victim is None:
        return pl.DataFrame(schema=schema)
    when = at + 90 + np.sort(rng.integers(0, 5400, len(taken)))
    return pl.DataFrame(
        {
            "user": np.full(len(taken), victim),
            "account": np.full(len(taken), users.account[victim]),
            "object": taken,
            "kind": np.full(len(taken), DOWNLOAD),
            "at": when,
        },
        schema=schema,
    )
