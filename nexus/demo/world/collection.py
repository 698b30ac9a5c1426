"""Collecting one amount: cards that expire or refuse, retries, refunds and disputes.

Belongs here: what happens between an amount due and money kept. When amounts fall due is decided in billing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from nexus.demo.catalog import DISPUTE_FEE, PAYPAL_FEE, STRIPE_FEE, fee
from nexus.demo.options import DAY
from nexus.demo.rand import HEX, UPPER36, Streams
from nexus.demo.world.decisions import DECLINES, RETRY_DAYS, Mind
from nexus.demo.world.ledger import Attempt, Card, Dispute, Ledger, Refund

_BRANDS = ("visa", "visa", "visa", "mastercard", "mastercard", "amex")
_REFUND_REASONS = ("requested_by_customer", "requested_by_customer", "duplicate", "fraudulent")
_DISPUTE_REASONS = ("fraudulent", "subscription_canceled", "product_not_received", "duplicate", "general")


class Collector:
    """Collects from one account through one provider."""

    def __init__(self, streams: Streams, ledger: Ledger, mind: Mind, account: int, currency: str, end: int) -> None:
        self._ids, self._ledger, self._mind = streams, ledger, mind
        self._account, self._currency, self._end = account, currency, end
        self.failures: list[int] = []

    # Cards

    def new_card(self, at: int, is_long_lived: bool = False) -> Card:
        moment = datetime.fromtimestamp(at, UTC)
        ahead = self._mind.between(30, 60) if is_long_lived else self._mind.between(1, 48)
        index = moment.year * 12 + moment.month - 1 + ahead
        card = Card(
            id=self._ids.next_id("pm_1", 23),
            since=at,
            brand=_BRANDS[self._mind.between(0, len(_BRANDS))],
            last4=f"{self._mind.between(0, 10_000):04d}",
            fingerprint=self._ids.next_id("", 16),
            exp_year=index // 12,
            exp_month=index % 12 + 1,
        )
        self._ledger.cards.setdefault(self._account, []).append(card)
        return card

    @property
    def card(self) -> Card:
        return self._ledger.cards[self._account][-1]

    def _is_expired(self, at: int) -> bool:
        moment = datetime.fromtimestamp(at, UTC)
        return (moment.year, moment.month) >= self.card.expired_from

    # Attempts

    def charge(self, amount: int, at: int, retry_of: Attempt | None = None) -> Attempt:
        """One card attempt at `at`. Before it, the network or the customer may have replaced an expired card."""
        mind = self._mind
        if self._is_expired(at):
            willing = 0.6 if retry_of is None else min(0.55, max(0.06, 0.30 + 0.2 * mind.health(at)))
            if mind.chance(willing):
                self.new_card(at - mind.between(60, 3000), is_long_lived=True)
        failure: tuple[str, str] | None = None
        if self._is_expired(at):
            failure = ("expired_card", "expired_card")
        elif retry_of is None:
            if mind.chance(min(0.2, max(0.02, 0.045 - 0.02 * mind.health(at)))):
                failure = DECLINES[mind.between(0, len(DECLINES))]
        elif not mind.chance(0.45 + 0.12 * mind.health(at)):
            failure = retry_of.failure if retry_of.failure != ("expired_card", "expired_card") else DECLINES[0]
        return self._attempt(self._ids.next_id("ch_3", 23), amount, at, failure, self.card)

    def paypal(self, amount: int, at: int, retry_of: Attempt | None = None) -> Attempt:
        fails = self._mind.chance(0.04 if retry_of is None else 0.5)
        failure = ("PAYMENT_DENIED", "PAYMENT_DENIED") if fails else None
        return self._attempt(self._ids.next_id("", 17, UPPER36), amount, at, failure, None)

    def _attempt(self, id: str, amount: int, at: int, failure: tuple[str, str] | None, card: Card | None) -> Attempt:
        rate = (STRIPE_FEE if card else PAYPAL_FEE)[self._currency]
        attempt = Attempt(
            id=id,
            at=at,
            amount=amount,
            card=card,
            failure=failure,
            fee=0 if failure else fee(amount, rate),
            balance_id=self._ids.next_id("txn_3", 23) if card and not failure else None,
        )
        if failure:
            self.failures.append(at)
        else:
            self._aftermath(attempt)
        return attempt

    def retries(self, first: Attempt) -> list[Attempt]:
        """The retries after a refusal, until one succeeds, all are used, or the window ends."""
        made: list[Attempt] = []
        attempt, at = first, first.at
        for days in RETRY_DAYS:
            at += days * DAY + self._mind.between(0, 5400)
            if at >= self._end:
                break
            attempt = (self.charge if attempt.card else self.paypal)(attempt.amount, at, attempt)
            made.append(attempt)
            if attempt.succeeded:
                break
        return made

    # What comes after

    def _aftermath(self, attempt: Attempt) -> None:
        mind = self._mind
        unhappy = max(0.3, 1.0 - 0.5 * mind.health(attempt.at))
        if attempt.card and mind.chance(0.0035 * unhappy):
            self._dispute(attempt)
        elif mind.chance(0.012 * unhappy):
            whole = mind.chance(0.6)
            first = attempt.amount if whole else max(1, attempt.amount * mind.between(10, 60) // 100)
            reason = _REFUND_REASONS[mind.between(0, len(_REFUND_REASONS))]
            self.refund(attempt, attempt.at + mind.between(3600, 20 * DAY), first, reason)

    def refund(self, attempt: Attempt, at: int, amount: int, reason: str) -> None:
        """Gives money back unless the window is over or nothing is left to give."""
        earlier = self._ledger.refunds.get(attempt.id, [])
        left = attempt.amount - sum(r.amount for r in earlier)
        if at >= self._end or left <= 0 or attempt.id in self._ledger.disputes or (earlier and earlier[-1].at >= at):
            return
        if attempt.card:
            id, balance = self._ids.next_id("re_3", 23), self._ids.next_id("txn_3", 23)
        else:
            id, balance = self._ids.next_id("", 17, UPPER36), ""
        refund = Refund(id, attempt.id, at, min(amount, left), reason, balance)
        self._ledger.refunds.setdefault(attempt.id, []).append(refund)

    def _dispute(self, attempt: Attempt) -> None:
        mind = self._mind
        at = attempt.at + mind.between(4 * DAY, 60 * DAY)
        if at >= self._end:
            return
        closed = at + mind.between(15 * DAY, 55 * DAY)
        won = mind.chance(0.4)
        is_closed = closed < self._end
        self._ledger.disputes[attempt.id] = Dispute(
            id=self._ids.next_id("du_1", 23),
            payment=attempt.id,
            at=at,
            amount=attempt.amount,
            reason=_DISPUTE_REASONS[mind.between(0, len(_DISPUTE_REASONS))],
            fee=DISPUTE_FEE[self._currency],
            balance_id=self._ids.next_id("txn_1", 23),
            closed_at=closed if is_closed else None,
            is_won=is_closed and won,
            reversal_id=self._ids.next_id("txn_1", 23) if is_closed and won else None,
        )


def invoice_prefix(streams: Streams) -> str:
    return streams.next_id("", 8, HEX).upper()
