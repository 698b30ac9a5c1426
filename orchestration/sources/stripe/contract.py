"""The Stripe source: which files, which tables.

Belongs here: the list. Does not belong here: columns (billing.py, payments.py, events.py), SQL (extract.py).
"""

from __future__ import annotations

from nexus.contracts import Source
from orchestration.sources.stripe import billing, events, extract, payments

SOURCE = Source(
    name="stripe",
    title="Stripe",
    description="Objects and events of the Stripe API, as exported: one a line, in arrays or as list pages.",
    owner="finance",
    readers={"*.jsonl": "jsonl", "*.ndjson": "jsonl", "*.json": "json"},
    unwrap=extract.UNWRAP,
    kind=extract.KIND,
    tables=(
        billing.CUSTOMER,
        billing.PRODUCT,
        billing.PRICE,
        billing.SUBSCRIPTION,
        billing.SUBSCRIPTION_ITEM,
        billing.INVOICE,
        billing.INVOICE_LINE,
        billing.INVOICE_PAYMENT,
        payments.CHARGE,
        payments.PAYMENT_INTENT,
        payments.REFUND,
        payments.DISPUTE,
        payments.BALANCE_TRANSACTION,
        events.EVENT,
        events.SUBSCRIPTION_CHANGE,
        events.SUBSCRIPTION_CHANGE_ITEM,
        events.DELETED_OBJECT,
    ),
)
