"""The Stripe events: every change of a subscription, and what happened to invoices, charges, refunds and disputes.

Every change of a subscription is told by an event with the full snapshot in `data.object`; updates carry
what was before in `data.previous_attributes`, item lists whole.
"""

from __future__ import annotations

from nexus.demo.catalog import API_VERSION
from nexus.demo.options import DAY
from nexus.demo.wire.stripe_catalog import Json
from nexus.demo.wire.stripe_payments import Objects
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Dispute, Invoice


def make_events(
    company: Company,
    objects: Objects,
    paid: dict[str, Invoice],
    disputes: list[tuple[Invoice, Dispute]],
    booked: dict[str, list[Json]],
) -> list[Json]:
    events = _Events(company)
    ledger, end = company.ledger, company.options.end
    for account in range(len(company.accounts)):
        at = int(company.accounts.signed_up_at[account])
        events.add("customer.created", at, objects.customer(account, at))
        for before, card in zip(ledger.cards.get(account, [])[:-1], ledger.cards.get(account, [])[1:], strict=True):
            old = {"invoice_settings": {"default_payment_method": before.id}}
            events.add("customer.updated", card.since, objects.customer(account, card.since), old)
    for sub in ledger.subscriptions:
        previous: Json = {}
        for change in sub.changes:
            seen = objects.subscription(sub, change)
            old = {k: ({"data": v["data"]} if k == "items" else v) for k, v in previous.items() if v != seen[k]}
            events.add(
                f"customer.subscription.{change.kind}", change.at, seen, old if change.kind == "updated" else None
            )
            previous = seen
        if sub.trial_end and sub.trial_end - 3 * DAY < end:
            state = next(c for c in reversed(sub.changes) if c.at <= sub.trial_end - 3 * DAY)  # type: ignore[operator]
            events.add(
                "customer.subscription.trial_will_end", sub.trial_end - 3 * DAY, objects.subscription(sub, state)
            )
    for invoice in ledger.invoices:
        if invoice.finalized_at >= end:
            continue
        events.add("invoice.finalized", invoice.finalized_at, objects.invoice(invoice, invoice.finalized_at))
        for attempt in invoice.attempts:
            kind = "succeeded" if attempt.succeeded else "failed"
            events.add(f"charge.{kind}", attempt.at, objects.charge(invoice, attempt, attempt.at))
            if not attempt.succeeded:
                events.add("invoice.payment_failed", attempt.at, objects.invoice(invoice, attempt.at))
        if invoice.paid_at is not None:
            events.add("invoice.paid", invoice.paid_at, objects.invoice(invoice, invoice.paid_at))
    for id, refunds in ledger.refunds.items():
        if id in paid:
            attempt = next(a for a in paid[id].attempts if a.id == id)
            returned = 0
            for refund in refunds:
                was: Json = {"amount_refunded": returned, "refunded": False}
                events.add("charge.refunded", refund.at, objects.charge(paid[id], attempt, refund.at), was)
                returned += refund.amount
    for invoice, dispute in disputes:
        opened = objects.dispute(invoice, dispute, dispute.at, booked[dispute.id])
        events.add("charge.dispute.created", dispute.at, opened)
        if dispute.closed_at:
            closed = objects.dispute(invoice, dispute, dispute.closed_at, booked[dispute.id])
            events.add("charge.dispute.closed", dispute.closed_at, closed)
    return events.made


class _Events:
    def __init__(self, company: Company) -> None:
        self._streams, self._end = company.streams, company.options.end
        self.made: list[Json] = []

    def add(self, type: str, at: int, seen: Json, previous: Json | None = None) -> None:
        if at >= self._end:
            return
        data: Json = {"object": seen}
        if previous is not None:
            data["previous_attributes"] = previous
        self.made.append(
            {
                "id": self._streams.next_id("evt_1", 23),
                "object": "event",
                "api_version": API_VERSION,
                "created": at,
                "data": data,
                "livemode": True,
                "pending_webhooks": 0,
                "request": {"id": None, "idempotency_key": None},
                "type": type,
            }
        )
