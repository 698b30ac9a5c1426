"""The @@title source: @@words as the provider exports them.

Belongs here: tables and columns. Does not belong here: SQL (extract.py). Times are RFC 3339.
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, text, whole
from orchestration.sources.@@name import extract

@@CONSTANT = Table(
    "@@name", "@@entity", nature="entity", id="id", version="updated_at", event_at="created_at",
    select=extract.@@CONSTANT,
    description="One row per @@words, newest version.",
    columns=columns(
        text("id", None, "The provider's id"),
        at("created_at", "created", "When it was made", required=True),
        at("updated_at", "updated", "When it last changed"),
        text("status_code", "status", "open or closed", values=("open", "closed")),
        text("customer_id", "customer.id", "Whom it concerns"),
        text("customer_email", "customer.email"),
        whole("amount_minor", "amount", "In the smallest unit of `currency`"),
        text("currency", None, "Lower-case ISO 4217"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="@@name",
    title="@@title",
    description="@@words_capital records, as the provider exports them.",
    readers={"*.jsonl": "jsonl", "*.ndjson": "jsonl", "*.json": "json"},
    kind=extract.KIND,
    tables=(@@CONSTANT,),
)
