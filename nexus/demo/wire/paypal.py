"""The PayPal export: Transaction Search responses, subscription resources and payout batches.

Shapes: PayPal's OpenAPI files for reporting v1, subscriptions v1 and payouts v1. Its pattern for `paypal_reference_id`
allows letters and digits alone, so a subscription's id stands there without its hyphen.
Amounts are decimal text in the major unit, as PayPal writes them; yen have no decimals.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from nexus.demo.catalog import COMPANY, COMPANY_DOMAIN, EXPONENT, PRODUCTS
from nexus.demo.options import DAY, add_months
from nexus.demo.rand import UPPER36
from nexus.demo.wire.text import Folder
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Attempt, PayPalSubscription, Refund

Json = dict[str, Any]
_MERCHANT = "QH7K2M9XW4LBA"


def write_paypal(company: Company, folder: Folder) -> None:
    batches, paid_out = _payouts(company)
    folder.document("paypal/payouts.json", batches, sum(len(b["items"]) for b in batches))
    subscriptions = [_subscription(company, s) for s in company.ledger.paypal]
    folder.objects("paypal/subscriptions.jsonl", subscriptions)
    parts: dict[str, list[tuple[int, str, Json]]] = defaultdict(list)
    for at, detail in [*_transactions(company), *paid_out]:
        parts[datetime.fromtimestamp(at, UTC).strftime("%Y-%m")].append((at, detail["transaction_info"]["transaction_id"], detail))
    for month, rows in sorted(parts.items()):
        rows.sort(key=lambda row: row[:2])
        folder.document(f"paypal/transactions-{month}.json", _response(month, [r[2] for r in rows], company.options.end), len(rows))


def _response(month: str, details: list[Json], end: int) -> Json:
    first = int(datetime.fromisoformat(f"{month}-01T00:00:00+00:00").timestamp())
    last = min(add_months(first, first, 1), end) - 1
    return {
        "transaction_details": details,
        "account_number": _MERCHANT,
        "start_date": _offset(first),
        "end_date": _offset(last),
        "last_refreshed_datetime": _offset(last),
        "page": 1,
        "total_items": len(details),
        "total_pages": 1,
        "links": [{"href": f"https://api-m.paypal.com/v1/reporting/transactions?start_date={month}-01&page=1", "rel": "self", "method": "GET"}],
    }  # fmt: skip


def money(minor: int, currency: str) -> Json:
    digits = EXPONENT[currency]
    sign, value = ("-" if minor < 0 else ""), abs(minor)
    text = f"{value // 10**digits}.{value % 10**digits:0{digits}d}" if digits else str(value)
    return {"currency_code": currency.upper(), "value": sign + text}


def _offset(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000").replace("+0000", "+00:00")


def _zulu(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _payer(company: Company, account: int) -> Json:
    accounts = company.accounts
    given, family = accounts.owner[account]
    return {
        "account_id": accounts.payer_id[account],
        "email_address": accounts.payer_email[account],
        "address_status": "N",
        "payer_status": "Y",
        "payer_name": {"given_name": given, "surname": family, "alternate_full_name": f"{given} {family}"},
        "country_code": accounts.place(account).code,
    }


def _transactions(company: Company) -> list[tuple[int, Json]]:
    found = []
    for sub in company.ledger.paypal:
        for attempt in sub.payments:
            found.append((attempt.at, _payment(company, sub, attempt)))
            for refund in company.ledger.refunds.get(attempt.id, []):
                found.append((refund.at, _refund(company, sub, attempt, refund)))
    return found


def _info(company: Company, sub: PayPalSubscription, id: str, at: int, amount: int, code: str, status: str) -> Json:
    accounts, currency = company.accounts, sub.price.currency
    info: Json = {
        "paypal_account_id": accounts.payer_id[sub.account],
        "transaction_id": id,
        "transaction_event_code": code,
        "transaction_initiation_date": _offset(at),
        "transaction_updated_date": _offset(at),
        "transaction_amount": money(amount, currency),
        "transaction_status": status,
        "transaction_subject": PRODUCTS[sub.price.tier][1],
        "protection_eligibility": "01",
        "instrument_type": "PAYPAL",
    }
    if _names_customer(sub):
        info["custom_field"] = accounts.customer_id[sub.account]
    return info


def _names_customer(sub: PayPalSubscription) -> bool:
    """Whether the shop passed its own customer id: it forgot for about three in ten."""
    return sum(sub.id.encode()) % 10 >= 3


def _payment(company: Company, sub: PayPalSubscription, attempt: Attempt) -> Json:
    info = _info(company, sub, attempt.id, attempt.at, attempt.amount, "T0002", "S" if attempt.succeeded else "D")
    info |= {"paypal_reference_id": sub.id.replace("-", ""), "paypal_reference_id_type": "SUB"}
    if attempt.succeeded:
        info["fee_amount"] = money(-attempt.fee, sub.price.currency)
    item = {"item_name": PRODUCTS[sub.price.tier][1], "item_quantity": "1", "item_unit_price": money(sub.amount, sub.price.currency), "item_amount": money(sub.amount, sub.price.currency)}  # fmt: skip
    return {"transaction_info": info, "payer_info": _payer(company, sub.account), "shipping_info": {}, "cart_info": {"item_details": [item]}, "store_info": {}, "auction_info": {}, "incentive_info": {}}  # fmt: skip


def _refund(company: Company, sub: PayPalSubscription, attempt: Attempt, refund: Refund) -> Json:
    info = _info(company, sub, refund.id, refund.at, -refund.amount, "T1107", "S")
    info |= {"paypal_reference_id": attempt.id, "paypal_reference_id_type": "TXN"}
    return {"transaction_info": info, "payer_info": _payer(company, sub.account), "shipping_info": {}, "cart_info": {}, "store_info": {}, "auction_info": {}, "incentive_info": {}}  # fmt: skip


def _subscription(company: Company, sub: PayPalSubscription) -> Json:
    accounts, price, currency = company.accounts, sub.price, sub.price.currency
    given, family = accounts.owner[sub.account]
    good = [a for a in sub.payments if a.succeeded]
    failed = 0
    for attempt in reversed(sub.payments):
        if attempt.succeeded:
            break
        failed += 1
    cycle = {
        "pricing_scheme": {"version": 1, "fixed_price": money(sub.amount, currency), "create_time": _zulu(sub.created_at), "update_time": _zulu(sub.created_at)},
        "frequency": {"interval_unit": price.interval.upper(), "interval_count": 1},
        "tenure_type": "REGULAR",
        "sequence": 1,
        "total_cycles": 0,
    }  # fmt: skip
    billing: Json = {
        "outstanding_balance": money(sub.amount if failed else 0, currency),
        "cycle_executions": [
            {"tenure_type": "REGULAR", "sequence": 1, "cycles_completed": len(good), "cycles_remaining": 0, "current_pricing_scheme_version": 1, "total_cycles": 0}
        ],
        "failed_payments_count": failed,
    }  # fmt: skip
    if good:
        billing["last_payment"] = {"amount": money(good[-1].amount, currency), "time": _zulu(good[-1].at)}
    if failed:
        billing["last_failed_payment"] = {"amount": money(sub.amount, currency), "time": _zulu(sub.payments[-1].at), "reason_code": "PAYMENT_DENIED"}  # fmt: skip
    if sub.next_billing_at and sub.status == "ACTIVE":
        billing["next_billing_time"] = _zulu(sub.next_billing_at)
    plan = f"P-{price.tier.upper()}{currency.upper()}{price.interval.upper()}".ljust(26, "0")
    made: Json = {
        "status": sub.status,
        "status_update_time": _zulu(sub.status_at),
        "id": sub.id,
        "plan_id": plan,
        "start_time": _zulu(sub.created_at),
        "quantity": "1",
        "subscriber": {
            "email_address": accounts.payer_email[sub.account],
            "payer_id": accounts.payer_id[sub.account],
            "name": {"given_name": given, "surname": family},
        },
        "billing_info": billing,
        "create_time": _zulu(sub.created_at),
        "update_time": _zulu(max(sub.status_at, sub.payments[-1].at if sub.payments else 0)),
        "plan_overridden": True,
        "plan": {
            "id": plan,
            "product_id": f"PROD-{price.tier.upper()}",
            "name": f"{PRODUCTS[price.tier][1]} ({price.interval})",
            "status": "ACTIVE",
            "billing_cycles": [cycle],
            "quantity_supported": False,
        },
        "links": [{"href": f"https://api-m.paypal.com/v1/billing/subscriptions/{sub.id}", "rel": "self", "method": "GET"}],
    }
    if sub.note:
        made["status_change_note"] = sub.note
    if _names_customer(sub):
        made["custom_id"] = accounts.customer_id[sub.account]
    return made


def _payouts(company: Company) -> tuple[list[Json], list[tuple[int, Json]]]:
    """Monthly commissions to referral partners: the batches, and the transactions that they make."""
    options, streams = company.options, company.streams
    rng = streams.get("payouts")
    partners = max(1, min(12, len(company.accounts) // 100))
    batches: list[Json] = []
    transactions: list[tuple[int, Json]] = []
    for month in range(1, options.months):
        at = add_months(options.start, options.start, month) + 2 * DAY + 9 * 3600
        if at + 7200 >= options.end:
            break
        batch = streams.next_id("", 13, UPPER36)
        items, total, fees = [], 0, 0
        for partner in range(partners):
            amount, fee = int(rng.integers(1500, 24_000)), 25
            receiver = f"partner{partner + 1}@referrals.example"
            is_claimed = bool(rng.random() < 0.97)
            id = streams.next_id("", 17, UPPER36)
            note = f"Referral commission of month {month}"
            items.append(
                {
                    "payout_item_id": streams.next_id("", 13, UPPER36), "transaction_id": id,
                    "transaction_status": "SUCCESS" if is_claimed else "UNCLAIMED", "payout_item_fee": {"currency": "USD", "value": "0.25"},
                    "payout_batch_id": batch,
                    "payout_item": {
                        "recipient_type": "EMAIL", "amount": {"currency": "USD", "value": money(amount, "usd")["value"]}, "note": note,
                        "receiver": receiver, "sender_item_id": f"{batch}-{partner + 1}", "recipient_wallet": "PAYPAL",
                    },
                    "time_processed": _zulu(at + 3600),
                    "links": [],
                }
            )  # fmt: skip
            total, fees = total + amount, fees + fee
            info = {
                "transaction_id": id, "paypal_reference_id": batch, "paypal_reference_id_type": "TXN", "transaction_event_code": "T0001",
                "transaction_initiation_date": _offset(at + 3600), "transaction_updated_date": _offset(at + 3600),
                "transaction_amount": money(-amount, "usd"), "fee_amount": money(-fee, "usd"),
                "transaction_status": "S" if is_claimed else "P", "transaction_note": note,
            }  # fmt: skip
            payer = {"email_address": receiver, "payer_status": "N", "payer_name": {"alternate_full_name": f"Referral partner {partner + 1}"}, "country_code": "US"}  # fmt: skip
            transactions.append((at + 3600, {"transaction_info": info, "payer_info": payer, "shipping_info": {}, "cart_info": {}, "store_info": {}, "auction_info": {}, "incentive_info": {}}))  # fmt: skip
        batches.append(
            {
                "batch_header": {
                    "payout_batch_id": batch, "batch_status": "SUCCESS", "time_created": _zulu(at), "time_completed": _zulu(at + 7000),
                    "sender_batch_header": {"sender_batch_id": f"referrals-{month:03d}", "email_subject": f"A commission from {COMPANY}"},
                    "funding_source": "BALANCE", "amount": {"currency": "USD", "value": money(total, "usd")["value"]},
                    "fees": {"currency": "USD", "value": money(fees, "usd")["value"]},
                },
                "items": items,
                "links": [{"href": f"https://api-m.paypal.com/v1/payments/payouts/{batch}", "rel": "self", "method": "GET"}],
            }
        )  # fmt: skip
    return batches, transactions


assert COMPANY_DOMAIN.endswith(".example")
