"""The Stripe export: objects as they are when the window closes, and the events that led there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

from nexus.demo.catalog import PRICES, PRODUCTS
from nexus.demo.wire.stripe_balance import balance
from nexus.demo.wire.stripe_catalog import Json
from nexus.demo.wire.stripe_events import make_events
from nexus.demo.wire.stripe_payments import Objects
from nexus.demo.wire.text import Folder
from nexus.demo.world.company import Company


def write_stripe(company: Company, folder: Folder) -> None:
    objects, ledger, end = Objects(company), company.ledger, company.options.end
    folder.objects("stripe/customers.jsonl.gz", [objects.customer(a, end) for a in range(len(company.accounts))])
    products = [objects.product(tier) for tier in PRODUCTS]
    folder.document(
        "stripe/products.json",
        {"object": "list", "url": "/v1/products", "has_more": False, "data": products},
        len(products),
    )
    folder.objects("stripe/prices.jsonl", [objects.price(p) for p in PRICES.values()])
    folder.objects(
        "stripe/subscriptions.jsonl.gz", [objects.subscription(s, s.changes[-1]) for s in ledger.subscriptions]
    )
    drawn = [i for i in ledger.invoices if i.created_at < end]
    _monthly(folder, "invoices", (objects.invoice(i, end) for i in drawn))
    _monthly(folder, "charges", (objects.charge(i, a, end) for i in drawn for a in i.attempts))
    due = [i for i in drawn if i.payment_intent and i.finalized_at < end]
    _monthly(folder, "payment_intents", (objects.payment_intent(i, end) for i in due))

    paid = {a.id: i for i in ledger.invoices for a in i.attempts}
    refunds = [(paid[r.payment], r) for rs in ledger.refunds.values() for r in rs if r.payment in paid]
    refunds.sort(key=lambda pair: (pair[1].at, pair[1].id))
    folder.objects("stripe/refunds.jsonl.gz", [objects.refund(i, r) for i, r in refunds])
    disputes = sorted(
        ((paid[d.payment], d) for d in ledger.disputes.values()), key=lambda pair: (pair[1].at, pair[1].id)
    )
    booked = balance(company, paid, refunds, disputes)
    by_source: dict[str, list[Json]] = defaultdict(list)
    for entry in booked:
        by_source[entry["source"]].append(entry)
    folder.objects("stripe/disputes.jsonl", [objects.dispute(i, d, end, by_source[d.id]) for i, d in disputes])
    _monthly(folder, "balance_transactions", booked)
    _monthly(folder, "events", make_events(company, objects, paid, disputes, by_source))


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
