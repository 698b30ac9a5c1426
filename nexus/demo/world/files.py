"""What users do with files: upload, download, share, delete; and what is stored at the end of a day.

Belongs here: operations and objects, consistent with each other.
Log lines and inventories are written in nexus/demo/wire.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from nexus.demo.options import DAY, Options
from nexus.demo.rand import HEX, Flags, Floats, Ints, Streams, tokens
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.ledger import Ledger
from nexus.demo.world.logins import Logins
from nexus.demo.world.users import Users

UPLOAD, DOWNLOAD, SHARE, DELETE, EXPIRE = range(5)
OPERATIONS = ("upload", "download", "share", "delete", "expire")
_MIX = (0.105, 0.92, 0.95, 1.0)
_KEPT = np.int64(2**62)
#: Objects of a closed account are expired this long after its end.
PURGE_DAYS = 45
EXTENSIONS = ("pdf", "docx", "xlsx", "png", "jpg", "zip", "mp4", "pptx", "txt", "csv")
_TYPICAL_KB = np.array([420, 160, 90, 700, 1500, 9000, 48_000, 3200, 12, 60]) * 1024.0


@dataclass(frozen=True, slots=True)
class Files:
    """`operations`: user (−1 for the store itself), account, object, kind, at, bytes; `objects`: one row an object."""

    operations: pl.DataFrame
    objects: pl.DataFrame


def make_files(
    options: Options, streams: Streams, accounts: Accounts, users: Users, logins: Logins, ledger: Ledger
) -> Files:
    rng = streams.get("files")
    user, at = _moments(options, rng, users, logins)
    account = users.account[user]
    order = np.lexsort((user, at, account))
    user, at, account = user[order], at[order], account[order]
    kind = np.searchsorted(_MIX, rng.random(len(user)), side="right")
    uploaded_before = _running(account, kind == UPLOAD)
    kind[(uploaded_before == 0) & (kind != UPLOAD)] = UPLOAD  # nothing there yet: begin with an upload
    uploads = kind == UPLOAD
    before = _running(account, uploads)

    number = np.cumsum(uploads) - 1
    first_object = np.zeros(len(accounts), dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, account[1:] != account[:-1]]) if len(account) else np.zeros(0, dtype=np.int64)
    first_object[account[starts]] = number[starts] + 1 - uploads[starts]
    born, by = at[uploads], user[uploads]
    size, extension = _sizes(rng, accounts, account[uploads])

    gone = np.full(len(born), _KEPT)
    target = np.where(uploads, number, -1)
    is_delete = kind == DELETE
    wanted = _choose(rng, first_object[account], before, at)
    doomed, index = np.unique(wanted[is_delete], return_index=True)
    when = np.flatnonzero(is_delete)[index]
    gone[doomed] = at[when]
    target[when] = doomed
    for _ in range(3):
        open_ = (target < 0) & ~is_delete & (before > 0)
        wanted = _choose(rng, first_object[account], before, at)
        good = open_ & (at > born[np.maximum(wanted, 0)] + 1) & (at < gone[np.maximum(wanted, 0)]) & (wanted >= 0)
        target = np.where(good, wanted, target)
    kept = target >= 0
    user, at, account, kind, target = (x[kept] for x in (user, at, account, kind, target))

    owner = users.account[by]
    purged = _purges(options, len(accounts), ledger)[owner]
    expires = (purged < gone) & (purged < options.end)
    gone = np.where(expires, purged, gone)
    alive = at < gone[target] + (kind == DELETE)
    objects = pl.DataFrame(
        {
            "account": owner,
            "user": by,
            "born_at": born,
            "gone_at": gone,
            "size": size,
            "extension": extension,
            "token": tokens(rng, len(born), 12, HEX).tolist(),
            "etag": tokens(rng, len(born), 32, HEX).tolist(),
            "version": tokens(rng, len(born), 32).tolist(),
        },
        schema_overrides={"token": pl.String, "etag": pl.String, "version": pl.String},
    )
    lapsed = np.flatnonzero(expires)
    operations = pl.DataFrame(
        {
            "user": np.concatenate([user[alive], np.full(len(lapsed), -1)]),
            "account": np.concatenate([account[alive], owner[lapsed]]),
            "object": np.concatenate([target[alive], lapsed]),
            "kind": np.concatenate([kind[alive], np.full(len(lapsed), EXPIRE)]),
            "at": np.concatenate([at[alive], gone[lapsed]]),
        },
        schema=dict.fromkeys(("user", "account", "object", "kind", "at"), pl.Int64),
    ).sort("at", "account", "object", "kind")
    return Files(operations, objects)


def _moments(options: Options, rng: np.random.Generator, users: Users, logins: Logins) -> tuple[Ints, Ints]:
    """Operations of a session: some sessions touch nothing, few touch much."""
    count = rng.negative_binomial(0.9, 0.9 / (0.9 + 1.75), logins.sessions.height)
    user = np.repeat(logins.sessions["user"].to_numpy(), count)
    at = np.repeat(logins.sessions["at"].to_numpy(), count) + 20 + rng.exponential(1500.0, len(user)).astype(np.int64)
    inside = (at < options.end) & (at < users.left_at[user])
    return user[inside], at[inside]


def _running(account: Ints, flag: Flags) -> Ints:
    """How many of `flag` stand before each row within its account (rows are grouped by account)."""
    if not len(account):
        return np.zeros(0, dtype=np.int64)
    total: Ints = np.cumsum(flag) - flag
    start = np.flatnonzero(np.r_[True, account[1:] != account[:-1]])
    before: Ints = total - np.repeat(total[start], np.diff(np.r_[start, len(account)]))
    return before


def _choose(rng: np.random.Generator, first: Ints, before: Ints, at: Ints) -> Ints:
    """One of the account's objects uploaded before, rather a recent one; −1 where there is none."""
    back: Floats = rng.beta(0.7, 2.2, len(at))
    return np.where(before > 0, first + np.minimum(((1 - back) * before).astype(np.int64), before - 1), -1)


def _sizes(rng: np.random.Generator, accounts: Accounts, account: Ints) -> tuple[Ints, Ints]:
    extension = rng.choice(len(EXTENSIONS), len(account), p=[0.24, 0.2, 0.13, 0.12, 0.1, 0.05, 0.03, 0.06, 0.03, 0.04])
    size = _TYPICAL_KB[extension] * np.exp(rng.normal(0.0, 1.0, len(account))) * accounts.storage_factor[account]
    return np.clip(size, 200, 4e9).astype(np.int64), extension


def _purges(options: Options, accounts: int, ledger: Ledger) -> Ints:
    """When the objects of a closed account expire: at midnight, 45 days after its last access."""
    last = np.zeros(accounts, dtype=np.int64)
    for account, _, until, _ in ledger.access:
        last[account] = max(last[account], until)
    purge = (last // DAY + PURGE_DAYS) * DAY + 1800
    return np.where(last >= options.end, _KEPT, purge)


def stored(files: Files, at: int) -> pl.DataFrame:
    """Objects that exist at the moment `at` (exclusive: what happens in that second is not there yet)."""
    return files.objects.with_row_index("object").filter((pl.col("born_at") < at) & (pl.col("gone_at") >= at))
