"""The Stripe export: objects as they are when the window closes, and the events that led there.

Every change of a subscription is told by an event with the full snapshot in `data.object`; updates carry what was before
in `data.previous_attributes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from nexus.demo.catalog import API_VERSION, PRICES, PRODUCTS
from nexus.demo.options import DAY, WEEK
from nexus.demo.wire.stripe_objects import Json, Objects, balance_transaction
from nexus.demo.wire.text import Folder
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Dispute, Invoice


def write_stripe(company: Company, folder: Folder) -> None:
    objects, ledger, end = Objects(company), company.ledger, company.options.end
    folder.objects("stripe/customers.jsonl.gz", [objects.customer(a, end) for a in range(len(company.accounts))])
    products = [objects.product(tier) for tier in PRODUCTS]
    folder.document(
        "stripe/products.json", {"object": "list", "url": "/v1/products", "has_more": False, "data": products}, len(products)
    )
    folder.objects("stripe/prices.jsonl", [objects.price(p) for p in PRICES.values()])
    folder.objects("stripe/subscriptions.jsonl.gz", [objects.subscription(s, s.changes[-1]) for s in ledger.subscriptions])
    drawn = [i for i in ledger.invoices if i.created_at < end]
    _monthly(folder, "invoices", (objects.invoice(i, end) for i in drawn))
    _monthly(folder, "charges", (objects.charge(i, a, end) for i in drawn for a in i.attempts))
    due = [i for i in drawn if i.payment_intent and i.finalized_at < end]
    _monthly(folder, "payment_intents", (objects.payment_intent(i, end) for i in due))

    paid = {a.id: i for i in ledger.invoices for a in i.attempts}
    refunds = [(paid[r.payment], r) for rs in ledger.refunds.values() for r in rs if r.payment in paid]
    refunds.sort(key=lambda pair: (pair[1].at, pair[1].id))
    folder.objects("stripe/refunds.jsonl.gz", [objects.refund(i, r) for i, r in refunds])
    disputes = sorted(((paid[d.payment], d) for d in ledger.disputes.values()), key=lambda pair: (pair[1].at, pair[1].id))
    booked = _balance(company, paid, refunds, disputes)
    by_source: dict[str, list[Json]] = defaultdict(list)
    for entry in booked:
        by_source[entry["source"]].append(entry)
    folder.objects("stripe/disputes.jsonl", [objects.dispute(i, d, end, by_source[d.id]) for i, d in disputes])
    _monthly(folder, "balance_transactions", booked)
    _write_events(company, folder, objects, paid, disputes, by_source)


def _monthly(folder: Folder, name: str, records: Iterable[Json]) -> None:
    """One file a month of `created`, in that order."""
    parts: dict[str, list[tuple[int, str, bytes]]] = defaultdict(list)
    for record in records:
        created = record["created"]
        parts[_month(created)].append((created, record["id"], orjson.dumps(record)))
    for month, rows in sorted(parts.items()):
        rows.sort()
        folder.encoded(f"stripe/{name}-{month}.jsonl.gz", [row[2] for row in rows])


def _month(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def _balance(
    company: Company, paid: dict[str, Invoice], refunds: list[tuple[Invoice, Any]], disputes: list[tuple[Invoice, Dispute]]
) -> list[Json]:
    """Every movement of the Stripe balance, weekly payouts included."""
    end, accounts = company.options.end, company.accounts
    booked: list[Json] = []

    def book(id: str, invoice: Invoice, at: int, amount: int, fee: int, type: str, category: str, source: str) -> None:
        currency = accounts.currency(invoice.account)
        booked.append(
            balance_transaction(id, at, amount, fee, currency, type, category, source, f"{category} {invoice.number}", end)
        )

    for id, invoice in paid.items():
        attempt = next(a for a in invoice.attempts if a.id == id)
        if attempt.balance_id:
            book(attempt.balance_id, invoice, attempt.at, attempt.amount, attempt.fee, "charge", "charge", id)
    for invoice, refund in refunds:
        book(refund.balance_id, invoice, refund.at, -refund.amount, 0, "refund", "refund", refund.id)
    for invoice, dispute in disputes:
        book(dispute.balance_id, invoice, dispute.at, -dispute.amount, dispute.fee, "adjustment", "dispute", dispute.id)
        if dispute.reversal_id and dispute.closed_at:
            book(dispute.reversal_id, invoice, dispute.closed_at, dispute.amount, 0, "adjustment", "dispute_reversal", dispute.id)
    booked += _payouts(company, booked)
    booked.sort(key=lambda b: (b["created"], b["id"]))
    return booked


def _payouts(company: Company, booked: list[Json]) -> list[Json]:
    """Every Monday what has become available goes to the bank, by currency."""
    options, made = company.options, list[Json]()
    first = options.start + (7 - options.first_day.weekday()) % 7 * DAY + 6 * 3600
    waiting: dict[str, list[Json]] = defaultdict(list)
    for entry in booked:
        waiting[entry["currency"]].append(entry)
    for currency, entries in sorted(waiting.items()):
        entries.sort(key=lambda b: b["available_on"])
        position, held = 0, 0
        for at in range(first, options.end, WEEK):
            while position < len(entries) and entries[position]["available_on"] <= at:
                held += entries[position]["net"]
                position += 1
            if held > 0:
                id, source = company.streams.next_id("txn_1", 23), company.streams.next_id("po_1", 23)
                entry = balance_transaction(id, at, -held, 0, currency, "payout", "payout", source, "STRIPE PAYOUT", options.end)
                made.append(entry | {"available_on": at // DAY * DAY + DAY})
                held = 0
    return made


def _write_events(
    company: Company,
    folder: Folder,
    objects: Objects,
    paid: dict[str, Invoice],
    disputes: list[tuple[Invoice, Dispute]],
    booked: dict[str, list[Json]],
) -> None:
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
            events.add(f"customer.subscription.{change.kind}", change.at, seen, old if change.kind == "updated" else None)
            previous = seen
        if sub.trial_end and sub.trial_end - 3 * DAY < end:
            state = next(c for c in reversed(sub.changes) if c.at <= sub.trial_end - 3 * DAY)  # type: ignore[operator]
            events.add("customer.subscription.trial_will_end", sub.trial_end - 3 * DAY, objects.subscription(sub, state))
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
            before = 0
            for refund in refunds:
                old = {"amount_refunded": before, "refunded": False}
                events.add("charge.refunded", refund.at, objects.charge(paid[id], attempt, refund.at), old)
                before += refund.amount
    for invoice, dispute in disputes:
        opened = objects.dispute(invoice, dispute, dispute.at, booked[dispute.id])
        events.add("charge.dispute.created", dispute.at, opened)
        if dispute.closed_at:
            closed = objects.dispute(invoice, dispute, dispute.closed_at, booked[dispute.id])
            events.add("charge.dispute.closed", dispute.closed_at, closed)
    _monthly(folder, "events", events.made)


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
                "id": self._streams.next_id("evt_1", 23), "object": "event", "api_version": API_VERSION, "created": at, "data": data,
                "livemode": True, "pending_webhooks": 0, "request": {"id": None, "idempotency_key": None}, "type": type,
            }
        )  # fmt: skip
