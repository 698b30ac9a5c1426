"""Drawing up invoices: what is due for a period, for a trial, and for a change in the middle of a period.

Belongs here: amounts, tax and lines. Whether it gets paid is told in collection.
"""

from __future__ import annotations

from nexus.demo.catalog import PRODUCTS, Price
from nexus.demo.rand import Streams
from nexus.demo.world.ledger import Invoice, Item, Ledger, Line, Subscription


class Biller:
    """Draws up the invoices of one account."""

    def __init__(self, streams: Streams, ledger: Ledger, account: int, currency: str, tax_percent: int) -> None:
        self._ids, self._ledger, self._account = streams, ledger, account
        self._currency, self._tax = currency, tax_percent

    def trial(self, sub: Subscription, items: tuple[Item, ...], start: int, end: int) -> Invoice:
        lines = [
            self._line(i, 0, i.quantity, f"Trial period for {PRODUCTS[i.price.tier][1]}", start, end) for i in items
        ]
        return self._invoice(sub, "subscription_create", start, start, lines, (start, start))

    def period(
        self, sub: Subscription, items: tuple[Item, ...], start: int, end: int, reason: str, finalized_at: int
    ) -> Invoice:
        lines = [
            self._line(i, i.price.amount * i.quantity, i.quantity, describe(i.price, i.quantity), start, end)
            for i in items
        ]
        return self._invoice(sub, reason, start, finalized_at, lines, (start, end))

    def proration(
        self, sub: Subscription, before: tuple[Item, ...], after: tuple[Item, ...], at: int, start: int, end: int
    ) -> Invoice | None:
        """The difference for the rest of the period; None when nothing is due."""
        lines = []
        for items, sign, word in ((before, -1, "Unused time on"), (after, 1, "Remaining time on")):
            for item in items:
                if item in before and item in after:
                    continue
                amount = sign * (
                    (item.price.amount * item.quantity * (end - at) * 2 + (end - start)) // (2 * (end - start))
                )
                text = f"{word} {item.quantity} × {PRODUCTS[item.price.tier][1]}"
                lines.append(self._line(item, amount, item.quantity, text, at, end, proration=True))
        if sum(line.amount + line.tax for line in lines) <= 0:
            return None
        return self._invoice(sub, "subscription_update", at, at, lines, (at, at))

    def _line(
        self, item: Item, amount: int, quantity: int, text: str, start: int, end: int, proration: bool = False
    ) -> Line:
        tax = (abs(amount) * self._tax + 50) // 100
        id = self._ids.next_id("il_1", 23)
        return Line(id, item, amount, tax if amount >= 0 else -tax, quantity, text, start, end, proration)

    def _invoice(
        self, sub: Subscription, reason: str, created: int, finalized: int, lines: list[Line], period: tuple[int, int]
    ) -> Invoice:
        total = sum(line.amount + line.tax for line in lines)
        invoice = Invoice(
            id=self._ids.next_id("in_1", 23),
            account=self._account,
            subscription=sub.id,
            reason=reason,
            created_at=created,
            finalized_at=finalized,
            lines=lines,
            period_start=period[0],
            period_end=period[1],
            payment_intent=self._ids.next_id("pi_3", 23) if total > 0 else None,
        )
        self._ledger.invoices.append(invoice)
        return invoice


def describe(price: Price, quantity: int) -> str:
    unit = f"{price.amount} {price.currency.upper()} minor units"
    return f"{quantity} × {PRODUCTS[price.tier][1]} (at {unit} / {price.interval})"
