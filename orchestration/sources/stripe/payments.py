"""How money moves at Stripe: charges, payment intents, refunds, disputes, balance: https://docs.stripe.com/api.

Belongs here: tables of attempts, returns and bookings. Does not belong here: what is billed (billing.py).
Amounts are in the smallest unit of `currency`, as Stripe writes them. Times are epoch seconds.
"""

from __future__ import annotations

from nexus.contracts import Table
from orchestration.lib.columns import columns, epoch, exact, flag, part, text, whole
from orchestration.sources.stripe import extract
from orchestration.sources.stripe.billing import LIVE, METADATA

CHARGE = Table(
    "stripe", "charge", nature="entity", id="id", event_at="created_at", select=extract.objects("charge"),
    description="One row per attempt to move money, failed ones included, newest version.",
    columns=columns(
        text("id", None, "ch_… or py_…"),
        epoch("created_at", "created", "When the attempt was made", required=True),
        text("status", None, "Outcome of the attempt", required=True, values=("succeeded", "pending", "failed")),
        whole("amount_minor", "amount", "Asked for", required=True, minimum=0),
        whole("amount_captured_minor", "amount_captured"),
        whole("amount_refunded_minor", "amount_refunded"),
        text("currency", None, "Lower-case ISO 4217", required=True),
        text("customer_id", "customer"),
        text("invoice_id", "invoice", "Older API versions; else by payment_intent_id through invoice_payment"),
        text("payment_intent_id", "payment_intent"),
        text("payment_method_id", "payment_method"),
        text("balance_transaction_id", "balance_transaction", "Booking of a succeeded charge"),
        flag("is_paid", "paid"),
        flag("is_captured", "captured"),
        flag("is_refunded", "refunded", "Refunded in full"),
        flag("is_disputed", "disputed"),
        text("failure_code", None, "card_declined, expired_card, …"),
        text("failure_message"),
        text("outcome_type", "outcome.type", "authorized, issuer_declined, blocked, invalid"),
        text("outcome_network_status", "outcome.network_status"),
        text("outcome_reason", "outcome.reason", "insufficient_funds, generic_decline, …"),
        text("outcome_risk_level", "outcome.risk_level"),
        whole("outcome_risk_score", "outcome.risk_score"),
        text("outcome_seller_message", "outcome.seller_message"),
        text("payment_method_type", "payment_method_details.type", "card, sepa_debit, …"),
        text("card_brand", "payment_method_details.card.brand"),
        text("card_country_code", "payment_method_details.card.country"),
        text("card_funding", "payment_method_details.card.funding", "credit, debit, prepaid"),
        text("card_last4", "payment_method_details.card.last4"),
        whole("card_exp_month", "payment_method_details.card.exp_month"),
        whole("card_exp_year", "payment_method_details.card.exp_year"),
        text("card_fingerprint", "payment_method_details.card.fingerprint", "The same for one card number"),
        text("billing_email", "billing_details.email"),
        text("billing_name", "billing_details.name"),
        text("billing_country_code", "billing_details.address.country"),
        text("receipt_email"),
        text("description"),
        whole("application_fee_minor", "application_fee_amount"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

PAYMENT_INTENT = Table(
    "stripe", "payment_intent", nature="entity", id="id", event_at="created_at",
    select=extract.objects("payment_intent"),
    description="One row per intent to collect, which may take several charges, newest version.",
    columns=columns(
        text("id", None, "pi_…"),
        epoch("created_at", "created", required=True),
        text("status", None, "requires_payment_method, …, succeeded, canceled", required=True),
        whole("amount_minor", "amount", "To be collected", required=True, minimum=0),
        whole("amount_received_minor", "amount_received"),
        text("currency", None, "Lower-case ISO 4217", required=True),
        text("customer_id", "customer"),
        text("invoice_id", "invoice", "Older API versions; else through invoice_payment"),
        text("latest_charge_id", "latest_charge"),
        text("payment_method_id", "payment_method"),
        epoch("canceled_at"),
        text("cancellation_reason"),
        text("last_error_code", "last_payment_error.code"),
        text("last_decline_code", "last_payment_error.decline_code"),
        text("setup_future_usage"),
        text("description"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

REFUND = Table(
    "stripe", "refund", nature="entity", id="id", event_at="created_at", select=extract.objects("refund"),
    description="One row per refund, newest version.",
    columns=columns(
        text("id", None, "re_…"),
        epoch("created_at", "created", required=True),
        whole("amount_minor", "amount", "Given back", required=True, minimum=0),
        text("currency", None, "Lower-case ISO 4217", required=True),
        text("status", None, "pending, requires_action, succeeded, failed, canceled"),
        text("reason", None, "duplicate, fraudulent, requested_by_customer, expired_uncaptured_charge"),
        text("charge_id", "charge"),
        text("payment_intent_id", "payment_intent"),
        text("balance_transaction_id", "balance_transaction"),
        text("failure_reason"),
        METADATA,
    ),
)  # fmt: skip

DISPUTE = Table(
    "stripe", "dispute", nature="entity", id="id", event_at="created_at", select=extract.objects("dispute"),
    description="One row per dispute, inquiries included, newest version.",
    columns=columns(
        text("id", None, "dp_… or du_…"),
        epoch("created_at", "created", required=True),
        whole("amount_minor", "amount", "Disputed", required=True, minimum=0),
        text("currency", None, "Lower-case ISO 4217", required=True),
        text("status", None, "warning_…, needs_response, under_review, won, lost, prevented", required=True),
        text("reason", None, "fraudulent, product_not_received, …"),
        text("charge_id", "charge"),
        text("payment_intent_id", "payment_intent"),
        flag("is_charge_refundable"),
        epoch("evidence_due_at", "evidence_details.due_by"),
        text("network_reason_code", "payment_method_details.card.network_reason_code"),
        part("balance_transactions"),
        LIVE,
        METADATA,
    ),
)  # fmt: skip

BALANCE_TRANSACTION = Table(
    "stripe", "balance_transaction", nature="entity", id="id", event_at="created_at",
    select=extract.objects("balance_transaction"),
    description="One row per booking on the Stripe balance, newest version (it turns from pending to available).",
    columns=columns(
        text("id", None, "txn_…"),
        epoch("created_at", "created", required=True),
        epoch("available_at", "available_on"),
        text("type", None, "charge, refund, adjustment, payout, stripe_fee, …", required=True),
        text("reporting_category", None, "charge, refund, dispute, dispute_reversal, fee, payout, …"),
        text("source_id", "source", "Charge, refund or dispute that it books"),
        whole("amount_minor", "amount", "Gross, negative when money leaves", required=True),
        whole("fee_minor", "fee", required=True),
        whole("net_minor", "net", "Amount minus fee", required=True),
        text("currency", None, "Lower-case ISO 4217; that of the account", required=True),
        exact("exchange_rate", None, "From the currency of the payment to `currency`"),
        text("status", None, "pending or available"),
        part("fee_details"),
        text("description"),
    ),
)  # fmt: skip
