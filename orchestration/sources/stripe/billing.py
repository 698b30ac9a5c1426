"""Stripe's customers, catalogue, subscriptions and invoices: https://docs.stripe.com/api.

Belongs here: tables of what is sold and billed. Does not belong here: how money moves (payments.py).
Amounts are in the smallest unit of `currency`, as Stripe writes them. Times are epoch seconds.
"""

from __future__ import annotations

from nexus.contracts import Column, Table
from orchestration.lib.columns import columns, epoch, exact, flag, part, text, whole
from orchestration.sources.stripe import extract

SUBSCRIPTION_STATUSES = (
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused",
)  # fmt: skip
LIVE = flag("is_livemode", "livemode", "False for objects of Stripe's test mode")
METADATA = part("metadata", None, "Key-value pairs that the merchant attached")


def price(prefix: str = "") -> tuple[Column, ...]:
    """Columns of the price that lies at `prefix` of the document."""
    return (
        text("price_id", f"{prefix}price.id", "Price of the item", required=True),
        text("product_id", f"{prefix}price.product", "Product of the price"),
        whole("quantity", f"{prefix}quantity", "Units; null for metered prices"),
        whole("unit_amount_minor", f"{prefix}price.unit_amount", "Per unit and interval; null for tiers and fractions"),
        exact("unit_amount_decimal", f"{prefix}price.unit_amount_decimal", "The same, fractions included"),
        text("currency", f"{prefix}price.currency", "Lower-case ISO 4217"),
        text("interval_code", f"{prefix}price.recurring.interval", "day, week, month or year; null if one-time"),
        whole("interval_count", f"{prefix}price.recurring.interval_count", "Intervals between two invoices", minimum=1),
        text("usage_type", f"{prefix}price.recurring.usage_type", "licensed or metered"),
    )


CUSTOMER = Table(
    "stripe", "customer", nature="entity", id="id", event_at="created_at", select=extract.objects("customer"),
    description="One row per Stripe customer, newest version. Deleted customers: deleted_object.",
    columns=columns(
        text("id", None, "cus_…"),
        epoch("created_at", "created", "When the customer was made", required=True),
        text("email", None, "Billing e-mail, as typed"),
        text("name", None, "Full name or company"),
        text("description"),
        text("phone"),
        text("currency", None, "Currency of the customer's invoices, once it has one"),
        text("country_code", "address.country", "ISO 3166-1 alpha-2 of the billing address"),
        text("city", "address.city"),
        text("postal_code", "address.postal_code"),
        text("state", "address.state"),
        whole("balance_minor", "balance", "Credit (negative) or debt to apply to the next invoice"),
        flag("is_delinquent", "delinquent", "The latest charge of an invoice failed"),
        text("default_payment_method_id", "invoice_settings.default_payment_method"),
        text("invoice_prefix"),
        text("tax_exempt"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

PRODUCT = Table(
    "stripe", "product", nature="entity", id="id", version="updated_at", event_at="created_at",
    select=extract.objects("product"), description="One row per product of the catalogue, newest version.",
    columns=columns(
        text("id", None, "prod_…"),
        text("name", None, "Shown to customers", required=True),
        text("description"),
        flag("is_active", "active", "Can be bought"),
        epoch("created_at", "created", required=True),
        epoch("updated_at", "updated"),
        text("default_price_id", "default_price"),
        text("unit_label"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

PRICE = Table(
    "stripe", "price", nature="entity", id="id", event_at="created_at", select=extract.objects("price"),
    description="One row per price of a product, newest version.",
    columns=columns(
        text("id", None, "price_…"),
        text("product_id", "product", "What is sold", required=True),
        text("nickname", None, "Name among the merchant's staff"),
        text("lookup_key"),
        flag("is_active", "active", "Can be used for new purchases"),
        epoch("created_at", "created", required=True),
        text("currency", None, "Lower-case ISO 4217", required=True),
        text("billing_scheme", None, "per_unit or tiered"),
        text("type", None, "one_time or recurring"),
        whole("unit_amount_minor", "unit_amount", "Per unit and interval; null for tiers and fractions"),
        exact("unit_amount_decimal", None, "The same, fractions included"),
        text("interval_code", "recurring.interval", "day, week, month or year; null if one-time"),
        whole("interval_count", "recurring.interval_count", "Intervals between two invoices", minimum=1),
        text("usage_type", "recurring.usage_type", "licensed or metered"),
        text("tax_behavior"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip


def subscription_state(prefix: str = "") -> tuple[Column, ...]:
    """Columns of the subscription that lies at `prefix` of the document."""

    def path(field: str) -> str:
        return f"{prefix}{field}"

    return (
        text("customer_id", path("customer"), "Who pays", required=True),
        text("status", path("status"), "Stripe's status", required=True, values=SUBSCRIPTION_STATUSES),
        text("currency", path("currency"), "Lower-case ISO 4217"),
        epoch("start_at", path("start_date"), "First day, which may lie before its creation"),
        epoch("current_period_start_at", path("current_period_start"), "Of the first item where the API has it there"),
        epoch("current_period_end_at", path("current_period_end"), "Of the first item where the API has it there"),
        epoch("trial_start_at", path("trial_start")),
        epoch("trial_end_at", path("trial_end")),
        flag("is_cancel_at_period_end", path("cancel_at_period_end"), "Ends with the current period"),
        epoch("cancel_at", path("cancel_at"), "When it is planned to end"),
        epoch("canceled_at", path("canceled_at"), "When the cancellation was asked for; it may end later"),
        epoch("ended_at", path("ended_at"), "When it ended for good"),
        text("cancellation_reason", path("cancellation_details.reason"), "cancellation_requested, payment_failed, …"),
        text("cancellation_feedback", path("cancellation_details.feedback"), "What the customer ticked: unused, …"),
        text("cancellation_comment", path("cancellation_details.comment"), "What the customer wrote"),
        text("collection_method", path("collection_method"), "charge_automatically or send_invoice"),
        text("pause_behavior", path("pause_collection.behavior"), "Set while collection is paused; the status stays"),
        text("latest_invoice_id", path("latest_invoice")),
    )


SUBSCRIPTION = Table(
    "stripe", "subscription", nature="entity", id="id", event_at="created_at", select=extract.SUBSCRIPTION,
    description="One row per subscription as it is now; its history is in subscription_change.",
    columns=columns(
        text("id", None, "sub_…"),
        epoch("created_at", "created", required=True),
        subscription_state(),
        epoch("billing_cycle_anchor_at", "billing_cycle_anchor"),
        text("default_payment_method_id", "default_payment_method"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

SUBSCRIPTION_ITEM = Table(
    "stripe", "subscription_item", nature="entity", id="id", event_at="created_at", select=extract.SUBSCRIPTION_ITEM,
    description="One row per item of a subscription as it is now, out of subscriptions and as objects of their own.",
    columns=columns(
        text("id", None, "si_…"),
        text("subscription_id", "subscription", "Whose item it is", required=True),
        epoch("created_at", "created"),
        price(),
        epoch("current_period_start_at", "current_period_start"),
        epoch("current_period_end_at", "current_period_end"),
        METADATA,
    ),
)  # fmt: skip

INVOICE = Table(
    "stripe", "invoice", nature="entity", id="id", event_at="created_at", select=extract.INVOICE,
    description="One row per invoice, newest version. Its lines: invoice_line.",
    columns=columns(
        text("id", None, "in_…"),
        text("customer_id", "customer", "Whom it bills"),
        text("subscription_id", "subscription", "Null for one-off invoices"),
        text("number", None, "Number on the paper; null for drafts"),
        text("status", None, "Stripe's status", values=("draft", "open", "paid", "uncollectible", "void")),
        text("billing_reason", None, "subscription_create, subscription_cycle, subscription_update, manual, …"),
        text("collection_method", None, "charge_automatically or send_invoice"),
        text("currency", None, "Lower-case ISO 4217", required=True),
        epoch("created_at", "created", required=True),
        epoch("effective_at", "effective_at", "Date on the paper, where it differs"),
        epoch("due_at", "due_date", "Only for collection_method send_invoice"),
        epoch("period_start_at", "period_start"),
        epoch("period_end_at", "period_end"),
        epoch("finalized_at", "status_transitions.finalized_at"),
        epoch("paid_at", "status_transitions.paid_at"),
        epoch("voided_at", "status_transitions.voided_at"),
        epoch("marked_uncollectible_at", "status_transitions.marked_uncollectible_at"),
        epoch("next_payment_attempt_at", "next_payment_attempt"),
        whole("subtotal_minor", "subtotal", "Before discounts and tax"),
        whole("total_excluding_tax_minor", "total_excluding_tax", "After discounts, before tax"),
        whole("tax_minor", "tax", "Older API versions; since 2025-03-31 total minus total_excluding_tax"),
        whole("total_minor", "total", "After discounts and tax; negative for credit", required=True),
        whole("amount_due_minor", "amount_due"),
        whole("amount_paid_minor", "amount_paid"),
        whole("amount_remaining_minor", "amount_remaining"),
        whole("starting_balance_minor", "starting_balance", "Customer's balance before the invoice"),
        whole("ending_balance_minor", "ending_balance", "Customer's balance after it"),
        whole("attempt_count", None, "Attempts to collect so far", minimum=0),
        flag("is_attempted", "attempted"),
        text("charge_id", "charge", "Latest charge; null where the API keeps it in invoice_payment"),
        text("payment_intent_id", "payment_intent", "Null where the API keeps it in invoice_payment"),
        text("customer_email"),
        text("customer_name"),
        text("customer_country_code", "customer_address.country"),
        text("hosted_invoice_url"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

INVOICE_LINE = Table(
    "stripe", "invoice_line", nature="entity", id="id", event_at="invoice_created_at", select=extract.INVOICE_LINE,
    description="One row per line of an invoice, out of invoices and as objects of their own.",
    columns=columns(
        text("id", None, "il_…"),
        text("invoice_id", "invoice", "Whose line it is", required=True),
        text("customer_id", "customer", "Of the invoice; null for lines exported without it"),
        epoch("invoice_created_at", "invoice_created", "Of the invoice; null for lines exported without it"),
        text("type", None, "invoiceitem or subscription (older API versions)"),
        text("subscription_id", "subscription"),
        text("subscription_item_id", "subscription_item"),
        text("price_id"),
        text("product_id"),
        text("description"),
        whole("quantity"),
        exact("unit_amount_decimal", None, "Smallest units, fractions included"),
        whole("amount_minor", "amount", "Before tax; negative for credits", required=True),
        text("currency", None, "Lower-case ISO 4217", required=True),
        flag("is_proration", "proration", "Part of a period, after a change"),
        epoch("period_start_at", "period.start"),
        epoch("period_end_at", "period.end"),
        part("discount_amounts"),
        part("taxes"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

INVOICE_PAYMENT = Table(
    "stripe", "invoice_payment", nature="entity", id="id", event_at="created_at", select=extract.INVOICE_PAYMENT,
    description="One row per link of an invoice and the payment that pays it (API versions since 2025-03-31).",
    columns=columns(
        text("id", None, "inpay_…"),
        text("invoice_id", "invoice", "What is paid", required=True),
        text("payment_type", "payment.type", "payment_intent, charge or payment_record"),
        text("payment_intent_id", "payment.payment_intent"),
        text("charge_id", "payment.charge"),
        text("status", None, "open, paid or canceled"),
        flag("is_default", None, "The payment that Stripe made with the invoice"),
        whole("amount_requested_minor", "amount_requested"),
        whole("amount_paid_minor", "amount_paid"),
        text("currency", None, "Lower-case ISO 4217"),
        epoch("created_at", "created"),
        epoch("paid_at", "status_transitions.paid_at"),
        LIVE,
    ),
)  # fmt: skip
