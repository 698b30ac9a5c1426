"""The PayPal export: Transaction Search responses, subscription resources and payout batches.

Shapes: PayPal's OpenAPI files for reporting v1, subscriptions v1 and payouts v1. Its pattern for `paypal_reference_id`
allows letters and digits alone, so a subscription's id stands there without its hyphen.
Amounts are decimal text in the major unit, as PayPal writes them; yen have no decimals.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from nexus.demo.catalog import PRODUCTS
from nexus.demo.options import add_months
from nexus.demo.wire.paypal_payouts import payouts
from nexus.demo.wire.paypal_text import money, offset, zulu
from nexus.demo.wire.text import Folder
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Attempt, PayPalSubscription, Refund

Json = dict[str, Any]
_MERCHANT = "QH7K2M9XW4LBA"


def write_paypal(company: Company, folder: Folder) -> None:
    batches, paid_out = payouts(company)
    folder.document("paypal/payouts.json", batches, sum(len(b["items"]) for b in batches))
    subscriptions = [_subscription(company, s) for s in company.ledger.paypal]
    folder.objects("paypal/subscriptions.jsonl", subscriptions)
    parts: dict[str, list[tuple[int, str, Json]]] = defaultdict(list)
    for at, detail in [*_transactions(company), *paid_out]:
        parts[datetime.fromtimestamp(at, UTC).strftime("%Y-%m")].append(
            (at, detail["transaction_info"]["transaction_id"], detail)
        )
    for month, rows in sorted(parts.items()):
        rows.sort(key=lambda row: row[:2])
        folder.document(
            f"paypal/transactions-{month}.json", _response(month, [r[2] for r in rows], company.options.end), len(rows)
        )


def _response(month: str, details: list[Json], end: int) -> Json:
    first = int(datetime.fromisoformat(f"{month}-01T00:00:00+00:00").timestamp())
    last = min(add_months(first, first, 1), end) - 1
    return {
        "transaction_details": details,
        "account_number": _MERCHANT,
        "start_date": offset(first),
        "end_date": offset(last),
        "last_refreshed_datetime": offset(last),
        "page": 1,
        "total_items": len(details),
        "total_pages": 1,
        "links": [
            {
                "href": f"https://api-m.paypal.com/v1/reporting/transactions?start_date={month}-01&page=1",
                "rel": "self",
                "method": "GET",
            }
        ],
    }


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
        "transaction_initiation_date": offset(at),
        "transaction_updated_date": offset(at),
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
    item = {
        "item_name": PRODUCTS[sub.price.tier][1],
        "item_quantity": "1",
        "item_unit_price": money(sub.amount, sub.price.currency),
        "item_amount": money(sub.amount, sub.price.currency),
    }
    return {
        "transaction_info": info,
        "payer_info": _payer(company, sub.account),
        "shipping_info": {},
        "cart_info": {"item_details": [item]},
        "store_info": {},
        "auction_info": {},
        "incentive_info": {},
    }


def _refund(company: Company, sub: PayPalSubscription, attempt: Attempt, refund: Refund) -> Json:
    info = _info(company, sub, refund.id, refund.at, -refund.amount, "T1107", "S")
    info |= {"paypal_reference_id": attempt.id, "paypal_reference_id_type": "TXN"}
    return {
        "transaction_info": info,
        "payer_info": _payer(company, sub.account),
        "shipping_info": {},
        "cart_info": {},
        "store_info": {},
        "auction_info": {},
        "incentive_info": {},
    }


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
        "pricing_scheme": {
            "version": 1,
            "fixed_price": money(sub.amount, currency),
            "create_time": zulu(sub.created_at),
            "update_time": zulu(sub.created_at),
        },
        "frequency": {"interval_unit": price.interval.upper(), "interval_count": 1},
        "tenure_type": "REGULAR",
        "sequence": 1,
        "total_cycles": 0,
    }
    billing: Json = {
        "outstanding_balance": money(sub.amount if failed else 0, currency),
        "cycle_executions": [
            {
                "tenure_type": "REGULAR",
                "sequence": 1,
                "cycles_completed": len(good),
                "cycles_remaining": 0,
                "current_pricing_scheme_version": 1,
                "total_cycles": 0,
            }
        ],
        "failed_payments_count": failed,
    }
    if good:
        billing["last_payment"] = {"amount": money(good[-1].amount, currency), "time": zulu(good[-1].at)}
    if failed:
        billing["last_failed_payment"] = {
            "amount": money(sub.amount, currency),
            "time": zulu(sub.payments[-1].at),
            "reason_code": "PAYMENT_DENIED",
        }
    if sub.next_billing_at and sub.status == "ACTIVE":
        billing["next_billing_time"] = zulu(sub.next_billing_at)
    plan = f"P-{price.tier.upper()}{currency.upper()}{price.interval.upper()}".ljust(26, "0")
    made: Json = {
        "status": sub.status,
        "status_update_time": zulu(sub.status_at),
        "id": sub.id,
        "plan_id": plan,
        "start_time": zulu(sub.created_at),
        "quantity": "1",
        "subscriber": {
            "email_address": accounts.payer_email[sub.account],
            "payer_id": accounts.payer_id[sub.account],
            "name": {"given_name": given, "surname": family},
        },
        "billing_info": billing,
        "create_time": zulu(sub.created_at),
        "update_time": zulu(max(sub.status_at, sub.payments[-1].at if sub.payments else 0)),
        "plan_overridden": True,
        "plan": {
            "id": plan,
            "product_id": f"PROD-{price.tier.upper()}",
            "name": f"{PRODUCTS[price.tier][1]} ({price.interval})",
            "status": "ACTIVE",
            "billing_cycles": [cycle],
            "quantity_supported": False,
        },
        "links": [
            {"href": f"https://api-m.paypal.com/v1/billing/subscriptions/{sub.id}", "rel": "self", "method": "GET"}
        ],
    }
    if sub.note:
        made["status_change_note"] = sub.note
    if _names_customer(sub):
        made["custom_id"] = accounts.customer_id[sub.account]
    return made
