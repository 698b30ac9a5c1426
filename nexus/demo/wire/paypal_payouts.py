"""PayPal payout batches: monthly commissions to referral partners, and the transactions that they make."""

from __future__ import annotations

from typing import Any

from nexus.demo.catalog import COMPANY
from nexus.demo.options import DAY, add_months
from nexus.demo.rand import UPPER36
from nexus.demo.wire.paypal_text import money, offset, zulu
from nexus.demo.world.company import Company

Json = dict[str, Any]


def payouts(company: Company) -> tuple[list[Json], list[tuple[int, Json]]]:
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
        items: list[Json] = []
        total, fees = 0, 0
        for partner in range(partners):
            amount, fee = int(rng.integers(1500, 24_000)), 25
            receiver = f"partner{partner + 1}@referrals.example"
            is_claimed = bool(rng.random() < 0.97)
            id = streams.next_id("", 17, UPPER36)
            note = f"Referral commission of month {month}"
            items.append(
                {
                    "payout_item_id": streams.next_id("", 13, UPPER36),
                    "transaction_id": id,
                    "transaction_status": "SUCCESS" if is_claimed else "UNCLAIMED",
                    "payout_item_fee": {"currency": "USD", "value": "0.25"},
                    "payout_batch_id": batch,
                    "payout_item": {
                        "recipient_type": "EMAIL",
                        "amount": {"currency": "USD", "value": money(amount, "usd")["value"]},
                        "note": note,
                        "receiver": receiver,
                        "sender_item_id": f"{batch}-{partner + 1}",
                        "recipient_wallet": "PAYPAL",
                    },
                    "time_processed": zulu(at + 3600),
                    "links": [],
                }
            )
            total, fees = total + amount, fees + fee
            info = {
                "transaction_id": id,
                "paypal_reference_id": batch,
                "paypal_reference_id_type": "TXN",
                "transaction_event_code": "T0001",
                "transaction_initiation_date": offset(at + 3600),
                "transaction_updated_date": offset(at + 3600),
                "transaction_amount": money(-amount, "usd"),
                "fee_amount": money(-fee, "usd"),
                "transaction_status": "S" if is_claimed else "P",
                "transaction_note": note,
            }
            payer = {
                "email_address": receiver,
                "payer_status": "N",
                "payer_name": {"alternate_full_name": f"Referral partner {partner + 1}"},
                "country_code": "US",
            }
            transactions.append(
                (
                    at + 3600,
                    {
                        "transaction_info": info,
                        "payer_info": payer,
                        "shipping_info": {},
                        "cart_info": {},
                        "store_info": {},
                        "auction_info": {},
                        "incentive_info": {},
                    },
                )
            )
        batches.append(
            {
                "batch_header": {
                    "payout_batch_id": batch,
                    "batch_status": "SUCCESS",
                    "time_created": zulu(at),
                    "time_completed": zulu(at + 7000),
                    "sender_batch_header": {
                        "sender_batch_id": f"referrals-{month:03d}",
                        "email_subject": f"A commission from {COMPANY}",
                    },
                    "funding_source": "BALANCE",
                    "amount": {"currency": "USD", "value": money(total, "usd")["value"]},
                    "fees": {"currency": "USD", "value": money(fees, "usd")["value"]},
                },
                "items": items,
                "links": [
                    {"href": f"https://api-m.paypal.com/v1/payments/payouts/{batch}", "rel": "self", "method": "GET"}
                ],
            }
        )
    return batches, transactions
