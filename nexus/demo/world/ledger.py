"""The words in which the world speaks of money: subscriptions and their changes, invoices, attempts, refunds, disputes.

Belongs here: records and what follows from them alone. Decisions are made in billing, formats in nexus/demo/wire.
Amounts are minor units; times are epoch seconds, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nexus.demo.catalog import Price, item_mrr

Provider = Literal["stripe", "paypal"]
COUNTS_TOWARD_MRR = frozenset({"active", "past_due"})


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    price: Price
    quantity: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """A subscription as it is from `at` on."""

    at: int
    kind: Literal["created", "updated", "deleted", "paused", "resumed"]
    status: str
    items: tuple[Item, ...]
    period_start: int
    period_end: int
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    reason: str | None = None
    feedback: str | None = None
    latest_invoice: str | None = None

    @property
    def mrr(self) -> int:
        return sum(item_mrr(i.price, i.quantity) for i in self.items) if self.status in COUNTS_TOWARD_MRR else 0


@dataclass(slots=True)
class Subscription:
    id: str
    account: int
    created_at: int
    anchor: int
    trial_start: int | None = None
    trial_end: int | None = None
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Card:
    id: str
    since: int
    brand: str
    last4: str
    fingerprint: str
    exp_year: int
    exp_month: int

    @property
    def expired_from(self) -> tuple[int, int]:
        return (self.exp_year + 1, 1) if self.exp_month == 12 else (self.exp_year, self.exp_month + 1)


@dataclass(frozen=True, slots=True)
class Line:
    id: str
    item: Item
    amount: int
    tax: int
    quantity: int
    description: str
    start: int
    end: int
    proration: bool = False


@dataclass(slots=True)
class Attempt:
    """One try to collect money. `failure` is (code, decline code) of a refusal."""

    id: str
    at: int
    amount: int
    card: Card | None
    failure: tuple[str, str] | None
    fee: int
    balance_id: str | None

    @property
    def succeeded(self) -> bool:
        return self.failure is None


@dataclass(slots=True)
class Invoice:
    id: str
    account: int
    subscription: str
    reason: str
    created_at: int
    finalized_at: int
    lines: list[Line]
    period_start: int
    period_end: int
    payment_intent: str | None
    number: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    written_off_at: int | None = None

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal + self.tax

    @property
    def paid_at(self) -> int | None:
        if self.total == 0:
            return self.finalized_at
        return next((a.at for a in self.attempts if a.succeeded), None)


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    payment: str
    at: int
    amount: int
    reason: str
    balance_id: str


@dataclass(frozen=True, slots=True)
class Dispute:
    id: str
    payment: str
    at: int
    amount: int
    reason: str
    fee: int
    balance_id: str
    closed_at: int | None
    is_won: bool
    reversal_id: str | None


@dataclass(slots=True)
class PayPalSubscription:
    id: str
    account: int
    price: Price
    amount: int  #: of one cycle, all seats together
    created_at: int
    status: str = "ACTIVE"
    status_at: int = 0
    note: str | None = None
    payments: list[Attempt] = field(default_factory=list)
    next_billing_at: int | None = None

    @property
    def mrr(self) -> int:
        months = 12 if self.price.interval == "year" else 1
        return (2 * self.amount + months) // (2 * months)


@dataclass(slots=True)
class Churn:
    account: int
    at: int
    why: str


@dataclass(slots=True)
class Ledger:
    """Everything that happened to money."""

    subscriptions: list[Subscription] = field(default_factory=list)
    paypal: list[PayPalSubscription] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    refunds: dict[str, list[Refund]] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    cards: dict[int, list[Card]] = field(default_factory=dict)
    churns: list[Churn] = field(default_factory=list)
    access: list[tuple[int, int, int, int]] = field(default_factory=list)  #: account, from, to, seats

    def attempts(self) -> list[tuple[Provider, int, Attempt, Invoice | PayPalSubscription]]:
        """Every payment attempt with its account and what it was for."""
        found: list[tuple[Provider, int, Attempt, Invoice | PayPalSubscription]] = []
        for invoice in self.invoices:
            found += [("stripe", invoice.account, a, invoice) for a in invoice.attempts]
        for paypal in self.paypal:
            found += [("paypal", paypal.account, a, paypal) for a in paypal.payments]
        return found
