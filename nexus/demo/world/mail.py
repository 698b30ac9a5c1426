"""The mail that Quillhaven sends and what becomes of it: campaigns to users, transactional mail to whom it concerns.

Belongs here: recipients, delivery, opens and clicks by people, by mail clients and by scanners.
Does not belong here: SES and SendGrid formats. A column of times holds 0 where it does not happen in the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nexus.demo.options import DAY, WEEK, Options, add_months, epoch
from nexus.demo.rand import Flags, Floats, Ints, Streams
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.ledger import Ledger
from nexus.demo.world.users import Users

TOPICS = ("folders", "review-links", "retention", "mobile", "security", "templates", "search", "archive")
#: Chance that a content reader opens, by template of transactional mail.
TEMPLATES = {
    "welcome": 0.75,
    "invitation": 0.7,
    "receipt": 0.3,
    "payment_failed": 0.6,
    "trial_ending": 0.5,
    "password_reset": 0.8,
    "share_digest": 0.35,
}
_TIMES = (
    "deferred_at",
    "delivered_at",
    "bounced_at",
    "machine_open_at",
    "open_at",
    "click_at",
    "scanner_at",
    "complained_at",
    "unsubscribed_at",
    "dropped_at",
)


@dataclass(frozen=True, slots=True)
class Campaign:
    id: str
    topic: str
    sent_at: int
    arms: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Mail:
    """`transactional` and `campaigns`: one row a message; columns user, sent_at, kind, arm, is_hard and `_TIMES`."""

    transactional: pl.DataFrame
    campaigns: pl.DataFrame
    plans: list[Campaign]


def make_mail(
    options: Options,
    streams: Streams,
    accounts: Accounts,
    users: Users,
    health: NDArray[np.float64],
    ledger: Ledger,
    resets: tuple[Ints, Ints],
) -> Mail:
    plans = _plan(options)
    campaigns = _campaigns(options, streams, accounts, users, health, plans)
    transactional = _transactional(options, streams, accounts, users, health, ledger, resets)
    return Mail(transactional, campaigns, plans)


def _plan(options: Options) -> list[Campaign]:
    first = epoch(options.first_day)
    plans = []
    for month in range(options.months):
        opening = first if month == 0 else add_months(first, first, month)
        at = opening + (8 + month % 5) * DAY + (14 + month % 3) * 3600
        if at < options.end - DAY:
            topic = TOPICS[month % len(TOPICS)]
            plans.append(Campaign(f"cmp_{month + 1:03d}_{topic.replace('-', '_')}", topic, at, ("a", "b")))
    return plans


def _campaigns(
    options: Options,
    streams: Streams,
    accounts: Accounts,
    users: Users,
    health: NDArray[np.float64],
    plans: list[Campaign],
) -> pl.DataFrame:
    suppressed = np.zeros(len(users), dtype=bool)
    dropped = np.zeros(len(users), dtype=np.int64)
    why = np.full(len(users), "", dtype="U20")
    frames = []
    for number, plan in enumerate(plans):
        rng = streams.get("campaign", number)
        # whoever opted out or bounced is dropped by the provider twice, then taken off the list
        chosen = np.flatnonzero(users.is_present(plan.sent_at) & ~(suppressed & (dropped >= 2)))
        arm = rng.integers(0, 2, len(chosen))
        sent = plan.sent_at + np.sort(rng.integers(0, 2400, len(chosen)))
        keen: Floats = 0.30 + 0.05 * arm.astype(np.float64) * (number % 3 != 1)
        frame = _fate(options, rng, accounts, users, health, chosen, sent, keen, suppressed[chosen], is_campaign=True)
        frames.append(
            frame.with_columns(
                kind=pl.lit(plan.id),
                arm=pl.Series(np.array(plan.arms)[arm].tolist(), dtype=pl.String),
                drop_reason=pl.Series(why[chosen].tolist(), dtype=pl.String),
            )
        )
        dropped[chosen] += suppressed[chosen]
        for column, reason in (
            ("bounced_at", "Bounced Address"),
            ("unsubscribed_at", "Unsubscribed Address"),
            ("complained_at", "Spam Reporting Address"),
        ):
            out = (frame[column].to_numpy() > 0) & (frame["is_hard"].to_numpy() | (column != "bounced_at"))
            suppressed[chosen[out]] = True
            why[chosen[out]] = reason
    nothing = _fate(
        options,
        streams.get("none"),
        accounts,
        users,
        health,
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        np.zeros(0),
        np.zeros(0, dtype=bool),
        is_campaign=True,
    )
    none = pl.lit(None, dtype=pl.String)
    return pl.concat([nothing.with_columns(kind=none, arm=none, drop_reason=none), *frames])


def _transactional(
    options: Options,
    streams: Streams,
    accounts: Accounts,
    users: Users,
    health: NDArray[np.float64],
    ledger: Ledger,
    resets: tuple[Ints, Ints],
) -> pl.DataFrame:
    owner = np.zeros(len(accounts), dtype=np.int64)
    owner[users.account[users.is_owner]] = np.flatnonzero(users.is_owner)
    rng = streams.get("transactional")
    guests = np.flatnonzero(~users.is_owner)
    own = np.flatnonzero(users.is_owner & (users.activated_at < options.end))
    paid = [(a, x.at) for _, a, x, _ in ledger.attempts() if x.succeeded]
    failed = [(a, x.at) for _, a, x, _ in ledger.attempts() if not x.succeeded]
    ending = [(s.account, s.trial_end - 3 * DAY) for s in ledger.subscriptions if s.trial_end]
    batches = [
        ("welcome", own, users.activated_at[own] + 20),
        ("invitation", guests, users.invited_at[guests] + 5),
        ("receipt", *_to_owner(owner, paid, 90)),
        ("payment_failed", *_to_owner(owner, failed, 120)),
        ("trial_ending", *_to_owner(owner, ending, 0)),
        ("password_reset", resets[0], resets[1] + 3),
        ("share_digest", *_digests(options, rng, users, health)),
    ]
    frames = []
    for name, user, sent in batches:
        inside = sent < options.end - 5
        user, sent = user[inside], sent[inside]
        keen = np.full(len(user), TEMPLATES[name])
        frame = _fate(
            options, rng, accounts, users, health, user, sent, keen, np.zeros(len(user), dtype=bool), is_campaign=False
        )
        frames.append(frame.with_columns(kind=pl.lit(name), arm=pl.lit(None, dtype=pl.String)))
    return pl.concat(frames).sort("sent_at", "user", "kind")


def _to_owner(owner: Ints, facts: list[tuple[int, int]], delay: int) -> tuple[Ints, Ints]:
    both = np.array(facts, dtype=np.int64).reshape(-1, 2)
    return owner[both[:, 0]], both[:, 1] + delay


def _digests(
    options: Options, rng: np.random.Generator, users: Users, health: NDArray[np.float64]
) -> tuple[Ints, Ints]:
    """Every other Tuesday, to those for whom something was shared."""
    found_user, found_at = [], []
    first = options.start + (1 - options.first_day.weekday()) % 7 * DAY + 7 * 3600
    for at in range(first, options.end - DAY, 2 * WEEK):
        present = np.flatnonzero(users.is_present(at))
        level = health[users.account[present], (at - options.start) // WEEK]
        chosen = present[rng.random(len(present)) < 0.28 / (1 + np.exp(-level))]
        found_user.append(chosen)
        found_at.append(at + np.sort(rng.integers(0, 5400, len(chosen))))
    if not found_user:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(found_user), np.concatenate(found_at)


def _fate(
    options: Options,
    rng: np.random.Generator,
    accounts: Accounts,
    users: Users,
    health: NDArray[np.float64],
    user: Ints,
    sent: Ints,
    keen: Floats,
    is_suppressed: Flags,
    is_campaign: bool,
) -> pl.DataFrame:
    """What becomes of each message. People act a minute after delivery at the earliest; scanners within seconds."""
    n = len(user)
    account = users.account[user]
    level = health[account, np.minimum((sent - options.start) // WEEK, health.shape[1] - 1)]
    goes_out = ~is_suppressed
    hard = goes_out & (sent >= users.mailbox_dies_at[user])
    soft = goes_out & ~hard & (rng.random(n) < 0.006)
    reached = goes_out & ~hard & ~soft
    deferred = reached & (rng.random(n) < 0.02)
    delay = np.where(deferred, rng.integers(300, 5400, n), rng.integers(1, 5, n))
    delivered = sent + delay
    client = users.client[user]
    fetches = reached & np.where(client == 1, rng.random(n) < 0.92, (client == 2) & (rng.random(n) < 0.6))
    curve = np.clip(keen * (0.6 + 0.8 / (1 + np.exp(-1.2 * level))), 0, 0.95)
    opens = reached & (rng.random(n) < curve)
    opened = delivered + 60 + np.exp(rng.normal(8.9, 1.5, n)).astype(np.int64)
    clicks = opens & (rng.random(n) < (0.22 if is_campaign else 0.3))
    clicked = opened + 4 + rng.integers(0, 90, n)
    scans = reached & accounts.has_scanner[account] & (rng.random(n) < 0.9)
    unhappy = 1 / (1 + np.exp(1.5 * level))
    optout = is_campaign & opens & (rng.random(n) < 0.014 * 2 * unhappy)
    complains = reached & ~optout & (rng.random(n) < (0.0016 if is_campaign else 0.0002) * 2 * unhappy)
    columns = {
        "deferred_at": (deferred, sent + delay // 3),
        "delivered_at": (reached, delivered),
        "bounced_at": (hard | soft, sent + rng.integers(1, 6, n)),
        "machine_open_at": (fetches, delivered + rng.integers(1, 900, n)),
        "open_at": (opens, opened),
        "click_at": (clicks, clicked),
        "scanner_at": (scans, delivered + rng.integers(1, 5, n)),
        "complained_at": (complains, delivered + rng.integers(400, 80_000, n)),
        "unsubscribed_at": (optout, opened + rng.integers(10, 200, n)),
        "dropped_at": (is_suppressed, sent + 1),
    }
    times = {name: np.where(flag & (at < options.end), at, 0) for name, (flag, at) in columns.items()}
    return pl.DataFrame(
        {"user": user, "sent_at": sent, "is_hard": hard & (times["bounced_at"] > 0), **{t: times[t] for t in _TIMES}},
        schema_overrides={"user": pl.Int64, "sent_at": pl.Int64},
    )
