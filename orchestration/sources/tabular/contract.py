"""The tabular source: the canonical facts that any table can be mapped to.

Belongs here: tables and columns of the facts. Does not belong here: how a file becomes facts (mapping.py, extract.py).
Documents that are canonical already ({"fact": "payment", …}) land as they are; every other file needs a mapping.
Money is a decimal in major units (`_value`) with `currency`; staging turns it into minor units.
"""

from __future__ import annotations

from dataclasses import replace

from nexus.contracts import Column, Source, Table
from orchestration.lib.columns import at, columns, exact, flag, part, text, whole

READERS = {
    "*.csv": "csv", "*.tsv": "csv", "*.txt": "csv", "*.parquet": "parquet", "*.jsonl": "jsonl", "*.ndjson": "jsonl",
    "*.json": "json",
}  # fmt: skip
_CURRENCY = text("currency", None, "ISO 4217, lower case")
_COMMON: tuple[Column, ...] = (
    text("mapping_name", None, "Mapping that made the row; null for rows that were canonical already"),
    part("attributes", None, "Columns of the file that the mapping keeps without giving them a meaning"),
)


def _fact(name: str, description: str, *own: Column, event_at: str | None = None) -> Table:
    return Table(
        "tabular", name, nature="event", id=None, event_at=event_at,
        select=f"select _line, _text, doc from documents where _kind = '{name}'",
        description=description, columns=columns(own, _COMMON),
    )  # fmt: skip


PAYMENT = _fact(
    "payment", "One row per attempt to collect money.",
    text("payment_id", None, "The table's id of the payment; null where it has none"),
    text("customer_id"),
    text("customer_email"),
    at("paid_at", None, "When it was attempted", required=True),
    text("status", None, "Outcome", required=True, values=("succeeded", "failed", "pending")),
    exact("amount_value", None, "Major units", required=True),
    replace(_CURRENCY, required=True),
    exact("fee_value", None, "Major units"),
    text("invoice_id"),
    text("subscription_id"),
    text("payment_method"),
    text("failure_code"),
    text("description"),
    event_at="paid_at",
)  # fmt: skip

CARD_TRANSACTION = _fact(
    "card_transaction", "One row per payment with a card at a terminal, as an issuer or acquirer sees it.",
    text("card_transaction_id", None, "The table's id of the transaction; null where it has none"),
    text("customer_id", None, "Holder of the card"),
    text("card_id"),
    text("terminal_id"),
    text("merchant_id"),
    at("transacted_at", None, "When the card was used", required=True),
    exact("amount_value", None, "Major units", required=True),
    replace(_CURRENCY, required=True),
    text("country_code", None, "ISO 3166-1 alpha-2"),
    flag("is_fraud", None, "What it turned out to be; null where nobody has found out"),
    text("fraud_code", None, "Kind of fraud, in the table's words"),
    event_at="transacted_at",
)  # fmt: skip

INVOICE_LINE = _fact(
    "invoice_line", "One row per line of an invoice or credit note; rows that look alike are different lines.",
    text("invoice_line_id", None, "The table's id of the line; null where it has none"),
    text("invoice_id", None, "Number of the invoice", required=True),
    text("invoice_kind", None, "What the paper is", values=("invoice", "credit_note", "adjustment")),
    text("customer_id", None, "Null for sales to nobody known"),
    text("customer_name"),
    text("customer_email"),
    at("line_at", None, "When it was invoiced", required=True),
    text("item_code"),
    text("description"),
    exact("quantity", None, "Negative for returns"),
    exact("unit_amount_value", None, "Price of one, major units"),
    exact("amount_value", None, "Of the line, major units, not rounded", required=True),
    replace(_CURRENCY, required=True),
    text("country_name"),
    text("country_code", None, "ISO 3166-1 alpha-2"),
    event_at="line_at",
)  # fmt: skip

EMAIL_EVENT = _fact(
    "email_event", "One row per event of an e-mail, in the common vocabulary.",
    text("email_event_id", None, "The table's id of the event; null where it has none"),
    text("message_id"),
    text("recipient_email"),
    text("customer_id"),
    text("campaign_id"),
    text("arm_code", None, "Variant of an experiment"),
    text(
        "event", None, "What happened", required=True,
        values=(
            "accepted", "delivered", "deferred", "bounced_hard", "bounced_soft", "complained", "opened", "clicked",
            "unsubscribed", "dropped",
        ),
    ),
    at("event_at", None, "When it happened", required=True),
    text("url"),
    text("reason"),
    text("user_agent"),
    text("ip_address"),
    flag("is_machine_open"),
    flag("is_scanner_click"),
    event_at="event_at",
)  # fmt: skip

EMAIL_MESSAGE = _fact(
    "email_message", "One row per recipient of a message, or per member of a group that got none (a hold-out).",
    text("message_id", None, "The table's id of the message; null where it has none"),
    text("recipient_email"),
    text("customer_id"),
    text("user_id"),
    text("campaign_id"),
    text("arm_code", None, "Variant of an experiment; none for a hold-out"),
    text("category", None, "Kind of mail", values=("transactional", "campaign")),
    text("subject"),
    at("sent_at", None, "Null where the table does not tell"),
    flag("is_holdout", None, "Chosen to get no mail, for comparison"),
    flag("is_delivered"),
    flag("is_bounced_hard"),
    flag("is_bounced_soft"),
    flag("is_complained"),
    flag("is_opened_human"),
    flag("is_opened_machine"),
    flag("is_clicked_human"),
    flag("is_clicked_scanner"),
    flag("is_unsubscribed"),
    flag("is_visited", None, "Came to the site afterwards"),
    flag("is_converted", None, "Bought afterwards"),
    exact("spend_value", None, "Spent afterwards, major units"),
    _CURRENCY,
    event_at="sent_at",
)  # fmt: skip

LOGIN = _fact(
    "login", "One row per attempt to sign in.",
    text("login_id", None, "The table's id of the attempt; null where it has none"),
    text("user_id"),
    text("user_email"),
    text("customer_id"),
    at("login_at", None, "When it was attempted", required=True),
    text("outcome", None, "How it ended", required=True, values=("success", "failure", "challenge")),
    text("reason"),
    text("ip_address"),
    text("country_code", None, "ISO 3166-1 alpha-2"),
    text("user_agent"),
    flag("is_mfa", None, "A second factor was used"),
    event_at="login_at",
)  # fmt: skip

FILE_EVENT = _fact(
    "file_event", "One row per operation on a file.",
    text("file_event_id", None, "The table's id of the operation; null where it has none"),
    text("customer_id"),
    text("user_id"),
    text("user_email"),
    text("bucket_name"),
    text("object_key", None, "Path or key of the file"),
    text(
        "event", None, "What was done", required=True,
        values=("upload", "download", "delete", "share", "list", "other"),
    ),
    at("event_at", None, "When it was done", required=True),
    whole("size_bytes", minimum=0),
    whole("bytes_sent", minimum=0),
    whole("status_code", None, "HTTP status, where there is one"),
    text("ip_address"),
    text("user_agent"),
    event_at="event_at",
)  # fmt: skip

CUSTOMER = replace(
    _fact(
        "customer", "One row per customer, newest version.",
        text("customer_id", None, "The table's id of the customer", required=True),
        text("name"),
        text("email"),
        text("phone"),
        text("country_name"),
        text("country_code", None, "ISO 3166-1 alpha-2"),
        _CURRENCY,
        at("created_at"),
        event_at="created_at",
    ),
    nature="entity", id="customer_id",
)  # fmt: skip

SOURCE = Source(
    name="tabular",
    title="Tables (CSV, Parquet, JSON lines)",
    description="Any table, understood through a mapping in YAML to canonical facts.",
    readers=READERS,
    kind="doc->>'$.fact'",
    tables=(PAYMENT, CARD_TRANSACTION, INVOICE_LINE, EMAIL_EVENT, EMAIL_MESSAGE, LOGIN, FILE_EVENT, CUSTOMER),
)
