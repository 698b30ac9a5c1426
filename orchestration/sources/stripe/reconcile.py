"""Whether what has landed of Stripe is all there is: the balance, and the bookings of the last month one by one.

Belongs here: the comparison, and what cannot be compared. Does not belong here: pulling (live.py).

The balance of an account is the sum of the net amounts of all its balance transactions, by currency:
https://docs.stripe.com/reports/balance. So one answer proves the whole history, and the month's list says where it breaks.
Compared is what the last pull could see: what Stripe has booked since is no fault. Where `since` leaves bookings out, or
several accounts land in one workspace, sums of all that has landed prove nothing, and it is said instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from nexus.doctor import Finding
from orchestration.live.http import Client
from orchestration.live.spec import Landed
from orchestration.sources.stripe.lists import Lists

_DAYS = 30
#: Tries to read the balance and what was booked since the last pull without a booking in between.
_TRIES = 5
_PULL = "nexus sources pull NAME --stream balance_transaction"
Booking = dict[str, Any]


def reconcile(client: Client, since: datetime | None, landed: Landed) -> Iterator[Finding]:
    """One finding for each currency of the balance and each type of booking. `since`: the connection asks for nothing older."""
    cursor = landed.cursor("balance_transaction")
    if "until" not in cursor:
        yield Finding(
            "bookings", "warn", "not comparable: this connection has not read the list of bookings to its end", _PULL
        )
        return
    # of its last second the pull may have seen a part
    until = int(datetime.fromisoformat(cursor["until"]).timestamp())
    others = len(landed.connections()) > 1
    if others:
        yield _not_comparable(f"several Stripe connections land here ({', '.join(landed.connections())})")
    elif since:
        yield _not_comparable(f"bookings before {since:%Y-%m-%d} were not asked for (`since`)")
    else:
        yield from _balance(client, landed, until)
    yield from _month(client, since, landed, until, others)


def _not_comparable(why: str) -> Finding:
    return Finding("balance", "warn", f"not comparable: {why}", "the bookings of the month are compared one by one")


def _balance(client: Client, landed: Landed, until: int) -> Iterator[Finding]:
    theirs = _settled_balance(client, until)
    if theirs is None:
        yield Finding("balance", "warn", "not comparable: Stripe books faster than it can be read", "ask again later")
        return
    ours = Counter(
        dict(
            landed(
                "select lower(currency), cast(sum(net_minor) as bigint) from raw_stripe__balance_transaction"
                f" where epoch(created_at) < {until} group by 1"
            )
        )
    )
    for currency in sorted({*theirs, *ours}):
        yield _compare(f"balance in {currency}", theirs[currency], ours[currency], "minor units")


def _settled_balance(client: Client, until: int) -> Counter[str] | None:
    """By currency, what the balance was before `until`; None where bookings come while it is read."""
    for _ in range(_TRIES):
        before = client.json("/v1/balance")
        fresh = _listed(client, {"created[gte]": until})
        if client.json("/v1/balance") == before:
            total: Counter[str] = Counter()
            for part in ("available", "pending"):
                held = before.get(part) or []
                for amount in held if isinstance(held, list) else [held]:
                    total[amount["currency"]] += amount["amount"]
            for booking in fresh:
                total[booking["currency"]] -= booking["net"]
            return total
    return None


def _month(client: Client, since: datetime | None, landed: Landed, until: int, others: bool) -> Iterator[Finding]:
    start = datetime.fromtimestamp(until, UTC) - timedelta(days=_DAYS)
    span = f"of {_DAYS} days"
    if since and since > start:
        start, span = since, f"since {since:%Y-%m-%d}"
    bounds = {"created[gte]": int(start.timestamp()), "created[lt]": until}
    theirs = {b["id"]: (b["type"], b["net"]) for b in _listed(client, bounds)}
    ours = {
        identifier: (kind, net)
        for identifier, kind, net in landed(
            "select id, type, net_minor from raw_stripe__balance_transaction"
            f" where epoch(created_at) >= {bounds['created[gte]']} and epoch(created_at) < {until}"
        )
        # of several accounts only what this one names is known to be its own
        if not others or identifier in theirs
    }
    counts, nets = (_by_type(theirs), _by_type(ours)), (_by_type(theirs, net=True), _by_type(ours, net=True))
    for kind in sorted({*counts[0], *counts[1]}):
        yield _compare(f"{kind}: bookings {span}", counts[0][kind], counts[1][kind], "bookings")
        yield _compare(f"{kind}: net {span}", nets[0][kind], nets[1][kind], "minor units")


def _by_type(bookings: dict[str, tuple[str, int]], net: bool = False) -> Counter[str]:
    total: Counter[str] = Counter()
    for kind, amount in bookings.values():
        total[kind] += amount if net else 1
    return total


def _listed(client: Client, bounds: dict[str, int]) -> list[Booking]:
    return [dict(booking) for page in Lists(client).pages("balance_transactions", bounds) for booking in page]


def _compare(subject: str, theirs: int, ours: int, unit: str) -> Finding:
    if theirs == ours:
        return Finding(subject, "ok", f"{ours:,} {unit} on both sides")
    told = f"Stripe says {theirs:,} {unit}, {ours:,} have landed: {ours - theirs:+,}"
    return Finding(subject, "fail", told, f"{_PULL} --again")
