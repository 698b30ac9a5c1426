"""The PayPal source: transactions, subscriptions, payouts: https://developer.paypal.com/api/rest/.

Belongs here: tables and columns. Does not belong here: SQL (extract.py), conversion to minor units (staging).
Money is kept as PayPal writes it: a decimal in major units and an upper-case currency code. Times are RFC 3339.
"""

from __future__ import annotations

from datetime import timedelta

from nexus.contracts import Column, Source, Table
from orchestration.lib.columns import at, columns, exact, flag, part, text, whole
from orchestration.sources.paypal import extract


def money(
    name: str, path: str, description: str = "", required: bool = False, code: str = "currency_code"
) -> tuple[Column, ...]:
    """`<name>_value` in major units and `<name>_currency_code`."""
    return (
        exact(f"{name}_value", f"{path}.value", f"{description} (major units)".strip(), required=required),
        text(f"{name}_currency_code", f"{path}.{code}", "Upper-case ISO 4217", required=required),
    )


TRANSACTION = Table(
    "paypal", "transaction", nature="entity", id="id", version="updated_at", event_at="initiated_at",
    select=extract.TRANSACTION,
    description="One row per entry of the transaction report (payments, refunds, fees, transfers), newest version.",
    columns=columns(
        text("id", None, "Transaction id / event code: the id alone is not unique in the report"),
        text("transaction_id", "transaction_info.transaction_id", "PayPal's id", required=True),
        text("reference_id", "transaction_info.paypal_reference_id", "Payment, order or subscription it refers to"),
        text("reference_id_type", "transaction_info.paypal_reference_id_type", "TXN, SUB, ODR or PAP"),
        text("event_code", "transaction_info.transaction_event_code", "T1107 is a refund, …", required=True),
        text("status", "transaction_info.transaction_status", "S done, P pending, D denied, V reversed", required=True),
        at("initiated_at", "transaction_info.transaction_initiation_date", "When it began", required=True),
        at("updated_at", "transaction_info.transaction_updated_date", "When it last changed"),
        money("amount", "transaction_info.transaction_amount", "Gross; negative when money leaves", required=True),
        money("fee", "transaction_info.fee_amount", "PayPal's fee; negative when it is charged"),
        money("sales_tax", "transaction_info.sales_tax_amount", "Sales tax within the amount"),
        money("ending_balance", "transaction_info.ending_balance", "Balance after it"),
        text("invoice_id", "transaction_info.invoice_id", "The merchant's invoice number"),
        text("custom_field", "transaction_info.custom_field", "What the merchant wrote at checkout; may be anything"),
        text("subject", "transaction_info.transaction_subject"),
        text("note", "transaction_info.transaction_note"),
        text("protection_eligibility", "transaction_info.protection_eligibility"),
        text("instrument_type", "transaction_info.instrument_type"),
        text("payer_id", "payer_info.account_id", "PayPal's id of the payer"),
        text("counterparty_id", "transaction_info.paypal_account_id", "PayPal's id of the other side"),
        text("payer_email", "payer_info.email_address", "As the payer typed it"),
        text("payer_status", "payer_info.payer_status", "Y verified, N not"),
        text("payer_given_name", "payer_info.payer_name.given_name"),
        text("payer_surname", "payer_info.payer_name.surname"),
        text("payer_full_name", "payer_info.payer_name.alternate_full_name"),
        text("payer_country_code", "payer_info.country_code", "ISO 3166-1 alpha-2 (C2 for China)"),
        part("item_details", "cart_info.item_details", "Lines of the cart"),
    ),
)  # fmt: skip

SUBSCRIPTION = Table(
    "paypal", "subscription", nature="entity", id="id", version="updated_at", event_at="start_at",
    select=extract.SUBSCRIPTION, description="One row per subscription as it is now.",
    columns=columns(
        text("id", None, "I-…"),
        text("plan_id", None, "P-…", required=True),
        text("plan_name", "plan.name", "Only where the export asked for the plan"),
        text("product_id", "plan.product_id"),
        text(
            "status", None, "As it is now", required=True,
            values=("APPROVAL_PENDING", "APPROVED", "ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED"),
        ),
        text("status_change_note"),
        at("status_updated_at", "status_update_time", "Since when it has this status"),
        at("start_at", "start_time", "When it begins to be billed", required=True),
        at("created_at", "create_time"),
        at("updated_at", "update_time"),
        whole("quantity", None, "Units of the plan; null means one"),
        money("price", "regular_cycle.pricing_scheme.fixed_price", "Of one unit and regular cycle, overrides included"),
        text("interval_unit", "regular_cycle.frequency.interval_unit", "DAY, WEEK, MONTH or YEAR"),
        whole("interval_count", "regular_cycle.frequency.interval_count", "Null means one", minimum=1),
        money("shipping", "shipping_amount", "Added to each payment"),
        money("outstanding_balance", "billing_info.outstanding_balance", "Owed"),
        money("last_payment", "billing_info.last_payment.amount", "Last payment"),
        at("last_payment_at", "billing_info.last_payment.time"),
        at("next_billing_at", "billing_info.next_billing_time"),
        at("final_payment_at", "billing_info.final_payment_time"),
        whole("failed_payments_count", "billing_info.failed_payments_count", "Failures in a row"),
        at("last_failed_payment_at", "billing_info.last_failed_payment.time"),
        text("last_failed_payment_reason", "billing_info.last_failed_payment.reason_code"),
        text("payer_id", "subscriber.payer_id", "PayPal's id of the payer"),
        text("payer_email", "subscriber.email_address", "As the payer typed it"),
        text("payer_given_name", "subscriber.name.given_name"),
        text("payer_surname", "subscriber.name.surname"),
        text("payer_full_name", "subscriber.name.full_name"),
        text("payer_country_code", "subscriber.shipping_address.address.country_code", "ISO 3166-1 alpha-2"),
        text("custom_id", None, "What the merchant wrote; may be anything"),
        flag("is_plan_overridden", "plan_overridden", "The plan's price was changed for this subscription"),
        part("plan", None, "The plan with the overrides of this subscription"),
    ),
)  # fmt: skip

PAYOUT_ITEM = Table(
    "paypal", "payout_item", nature="entity", id="id", version="processed_at", event_at="processed_at",
    select=extract.PAYOUT_ITEM, description="One row per payment of a payout batch, newest version.",
    # payouts write the code under `currency`, the rest of PayPal under `currency_code`
    freshness=timedelta(days=35),
    columns=columns(
        text("id", "payout_item_id", "PayPal's id of the item"),
        text("payout_batch_id", None, required=True),
        text("transaction_id", None, "Transaction that moved the money"),
        text("status", "transaction_status", "SUCCESS, FAILED, UNCLAIMED, RETURNED, …"),
        money("amount", "payout_item.amount", "Paid out", required=True, code="currency"),
        money("fee", "payout_item_fee", "PayPal's fee", code="currency"),
        text("receiver", "payout_item.receiver", "E-mail, phone or PayPal id", required=True),
        text("recipient_type", "payout_item.recipient_type", "EMAIL, PHONE, PAYPAL_ID or USER_HANDLE"),
        text("sender_item_id", "payout_item.sender_item_id", "The merchant's id"),
        text("note", "payout_item.note"),
        at("processed_at", "time_processed"),
        text("error_code", "errors.name"),
        text("batch_status", "batch_header.batch_status"),
        text("sender_batch_id", "batch_header.sender_batch_header.sender_batch_id"),
        at("batch_created_at", "batch_header.time_created"),
        at("batch_completed_at", "batch_header.time_completed"),
    ),
)  # fmt: skip
SOURCE = Source(
    name="paypal",
    title="PayPal",
    description="Responses of transaction search, subscriptions and payouts, as exported: one a line, arrays or pages.",
    owner="finance",
    readers={"*.jsonl": "jsonl", "*.ndjson": "jsonl", "*.json": "json"},
    unwrap=extract.UNWRAP,
    kind=extract.KIND,
    tables=(TRANSACTION, SUBSCRIPTION, PAYOUT_ITEM),
)
