"""The life of accounts that pay by PayPal: one fixed amount a cycle, cancelled at once or suspended after refusals.

Belongs here: what happens to a PayPal subscription. Its amount never changes; whoever returns makes a new one.
"""

from __future__ import annotations

from nexus.demo.catalog import PRICES, SEAT_TIERS
from nexus.demo.options import DAY, Options, add_months
from nexus.demo.rand import UPPER36, Streams
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.collection import Collector
from nexus.demo.world.decisions import Mind
from nexus.demo.world.ledger import Churn, Ledger, PayPalSubscription


class PayPalLife:
    """Tells the life of one account from sign-up to the end of the window."""

    def __init__(
        self, options: Options, streams: Streams, accounts: Accounts, account: int, ledger: Ledger, mind: Mind
    ):
        self._ids, self._ledger, self._mind, self._account = streams, ledger, mind, account
        self._end, self._accounts = options.end, accounts
        self._currency = accounts.currency(account)
        self._offset = accounts.place(account).utc_offset
        self._collector = Collector(streams, ledger, mind, account, self._currency, options.end)
        self._seats = int(accounts.seats[account])

    def live(self) -> None:
        signed_up = int(self._accounts.signed_up_at[self._account])
        at = signed_up + self._mind.between(1800, 9 * DAY)
        self._ledger.access.append((self._account, signed_up, min(at, self._end), self._seats))
        while at < self._end:
            left = self._subscribe(at)
            if left is None or not self._mind.chance(0.12):
                return
            at = left + self._mind.between(15 * DAY, 100 * DAY)

    def _subscribe(self, at: int) -> int | None:
        tier = SEAT_TIERS[self._accounts.tier[self._account]]
        price = PRICES[tier, self._currency, "year" if self._accounts.is_annual[self._account] else "month"]
        sub = PayPalSubscription(
            self._ids.next_id("I-", 12, UPPER36), self._account, price, price.amount * self._seats, at, status_at=at
        )
        self._ledger.paypal.append(sub)
        ended = self._run(sub)
        self._ledger.access.append((self._account, at, ended or self._end, self._seats))
        if ended is not None:
            self._ledger.churns.append(
                Churn(self._account, ended, "involuntary" if sub.status == "SUSPENDED" else "voluntary")
            )
        return ended

    def _run(self, sub: PayPalSubscription) -> int | None:
        mind, months = self._mind, 12 if sub.price.interval == "year" else 1
        cycle, due = 0, sub.created_at
        while due < self._end:
            following = add_months(due, sub.created_at, months * (cycle + 1))
            attempt = self._collector.paypal(sub.amount, min(due + mind.between(30, 900), self._end - 1))
            sub.payments.append(attempt)
            if not attempt.succeeded:
                sub.payments += (retries := self._collector.retries(attempt))
                if len(retries) == 3 and not retries[-1].succeeded:
                    return self._end_at(sub, retries[-1].at + 1, "SUSPENDED", "Payment failure threshold reached")
            settled = sub.payments[-1].at
            for at in mind.weeks(settled + 3600, min(following, self._end), self._offset):
                if months == 12 and following - at > 75 * DAY:
                    continue
                trouble = sum(1 for f in self._collector.failures if 0 < at - f < 60 * DAY)
                if any(mind.leaves(at, (at - sub.created_at) / DAY, trouble) for _ in range(2 if months == 12 else 1)):
                    return self._end_at(sub, at, "CANCELLED", "Cancelled by the customer")
            cycle, due = cycle + 1, following
        sub.next_billing_at = due
        return None

    def _end_at(self, sub: PayPalSubscription, at: int, status: str, note: str) -> int | None:
        if at >= self._end:
            return None
        sub.status, sub.status_at, sub.note = status, at, note
        return at
