"""The Stripe balance: what each payment, refund and dispute moved, and the weekly payouts to the bank."""

from __future__ import annotations

from collections import defaultdict

from nexus.demo.options import DAY, WEEK
from nexus.demo.wire.stripe_catalog import Json
from nexus.demo.wire.stripe_payments import balance_transaction
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Dispute, Invoice, Refund


def balance(
    company: Company,
    paid: dict[str, Invoice],
    refunds: list[tuple[Invoice, Refund]],
    disputes: list[tuple[Invoice, Dispute]],
) -> list[Json]:
    """Every movement of the Stripe balance, weekly payouts included."""
    end, accounts = company.options.end, company.accounts
    booked: list[Json] = []

    def book(id: str, invoice: Invoice, at: int, amount: int, fee: int, type: str, category: str, source: str) -> None:
        currency = accounts.currency(invoice.account)
        booked.append(
            balance_transaction(
                id, at, amount, fee, currency, type, category, source, f"{category} {invoice.number}", end
            )
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
            book(
                dispute.reversal_id,
                invoice,
                dispute.closed_at,
                dispute.amount,
                0,
                "adjustment",
                "dispute_reversal",
                dispute.id,
            )
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
                entry = balance_transaction(
                    id, at, -held, 0, currency, "payout", "payout", source, "STRIPE PAYOUT", options.end
                )
                made.append(entry | {"available_on": at // DAY * DAY + DAY})
                held = 0
    return made
