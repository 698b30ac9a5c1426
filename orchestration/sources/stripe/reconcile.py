"""Whether what has landed of Stripe is all there is: the balance, and the bookings of the last month one by one.

Belongs here: the comparison. Does not belong here: pulling (live.py).

The balance of an account is the sum of the net amounts of all its balance transactions, by currency:
https://docs.stripe.com/reports/balance. So one answer proves the whole history, and the month's list says where it breaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from nexus.doctor import Finding
from orchestration.live.http import Client
from orchestration.live.spec import Landed

_DAYS = 30
_REMEDY = "nexus sources pull NAME --stream balance_transaction --again"


def reconcile(client: Client, landed: Landed) -> Iterator[Finding]:
    """One finding for each currency of the balance and each type of booking."""
    yield from _balance(client.json("/v1/balance"), landed)
    yield from _month(client, landed)


def _balance(balance: dict[str, Any], landed: Landed) -> Iterator[Finding]:
    theirs: dict[str, int] = defaultdict(int)
    for part in ("available", "pending"):
        held = balance.get(part) or []
        for amount in held if isinstance(held, list) else [held]:
            theirs[amount["currency"]] += amount["amount"]
    ours: dict[str, int] = dict(
        landed("select lower(currency), cast(sum(net_minor) as bigint) from raw_stripe__balance_transaction group by 1")
    )
    for currency in sorted({*theirs, *ours}):
        yield _compare(f"balance in {currency}", theirs.get(currency, 0), ours.get(currency, 0), "minor units")


def _month(client: Client, landed: Landed) -> Iterator[Finding]:
    since = int((datetime.now(UTC) - timedelta(days=_DAYS)).timestamp())
    theirs: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    params: dict[str, Any] = {"limit": 100}
    more = True
    while more:
        found = client.json("/v1/balance_transactions", params)
        recent = [b for b in found["data"] if b["created"] >= since]
        for booking in recent:
            theirs[booking["type"]][0] += 1
            theirs[booking["type"]][1] += booking["net"]
        more = found.get("has_more", False) and len(recent) == len(found["data"])
        if recent:
            params["starting_after"] = recent[-1]["id"]
    ours = {
        kind: (count, net)
        for kind, count, net in landed(
            "select type, count(*), cast(sum(net_minor) as bigint) from raw_stripe__balance_transaction"
            f" where epoch(created_at) >= {since} group by 1"
        )
    }
    for kind in sorted({*theirs, *ours}):
        count, net = theirs.get(kind, (0, 0))
        have, sum_ = ours.get(kind, (0, 0))
        yield _compare(f"{kind}: bookings of {_DAYS} days", count, have, "bookings")
        yield _compare(f"{kind}: net of {_DAYS} days", net, sum_, "minor units")


def _compare(subject: str, theirs: int, ours: int, unit: str) -> Finding:
    if theirs == ours:
        return Finding(subject, "ok", f"{ours:,} {unit} on both sides")
    return Finding(subject, "fail", f"Stripe says {theirs:,} {unit}, {ours:,} have landed: {ours - theirs:+,}", _REMEDY)
