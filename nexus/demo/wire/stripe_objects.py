"""Stripe API objects (version in catalog.API_VERSION) as they stood at a moment.

Belongs here: the shape of each object. Files and events are put together in wire/stripe.
Shapes: https://docs.stripe.com/api . Every function takes the moment from which the object is seen.
"""

from __future__ import annotations

from typing import Any

from orjson import Fragment, dumps

from nexus.demo.catalog import COMPANY, MONTHLY, PRICES, PRODUCTS, Price
from nexus.demo.options import DAY
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Attempt, Card, Change, Dispute, Invoice, Item, Line, Refund, Subscription

Json = dict[str, Any]
_MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "generic_decline": "Your card was declined.",
    "do_not_honor": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


class Objects:
    """Writes the objects of one company."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._accounts, self._ledger, self._end = company.accounts, company.ledger, company.options.end
        self._invoices: dict[int, list[Invoice]] = {}
        for invoice in self._ledger.invoices:
            self._invoices.setdefault(invoice.account, []).append(invoice)
        self._addresses = [self._address(a) for a in range(len(self._accounts))]
        # what repeats in thousands of objects is encoded once
        self._prices = {p.id: Fragment(dumps(self.price(p))) for p in PRICES.values()}
        self._plans = {p.id: Fragment(dumps(self._plan(p))) for p in PRICES.values()}
        self._lines: dict[str, Fragment] = {}

    # Who

    def _address(self, account: int) -> Json:
        place = self._accounts.place(account)
        return {"city": place.city, "country": place.code, "line1": None, "line2": None, "postal_code": None, "state": None}

    def _card(self, account: int, at: int) -> Card | None:
        cards = [c for c in self._ledger.cards.get(account, []) if c.since <= at]
        return cards[-1] if cards else None

    def customer(self, account: int, at: int) -> Json:
        accounts, card = self._accounts, self._card(account, at)
        numbered = [i for i in self._invoices.get(account, []) if i.finalized_at < at]
        unpaid = any(i.attempts and i.attempts[0].at <= at and (i.paid_at or at + 1) > at for i in numbered)
        return {
            "id": accounts.customer_id[account],
            "object": "customer",
            "address": self._addresses[account],
            "balance": 0,
            "created": int(accounts.signed_up_at[account]),
            "currency": accounts.currency(account) if numbered else None,
            "default_source": None,
            "delinquent": unpaid,
            "description": None,
            "discount": None,
            "email": accounts.billing_email[account],
            "invoice_prefix": self._invoices[account][0].number.split("-")[0] if account in self._invoices else None,
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": card.id if card else None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": True,
            "metadata": {"country": accounts.place(account).code},
            "name": accounts.name[account],
            "next_invoice_sequence": len(numbered) + 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }

    # What is sold

    def product(self, tier: str) -> Json:
        id, name, description = PRODUCTS[tier]
        made = self._company.options.start
        return {
            "id": id, "object": "product", "active": True, "attributes": [], "created": made,
            "default_price": PRICES[tier, "usd", "month"].id, "description": description, "images": [], "livemode": True,
            "marketing_features": [], "metadata": {"tier": tier}, "name": name, "package_dimensions": None, "shippable": None,
            "statement_descriptor": None, "tax_code": None, "type": "service",
            "unit_label": "terabyte" if tier == "archive" else "seat", "updated": made, "url": None,
        }  # fmt: skip

    def price(self, price: Price) -> Json:
        return {
            "id": price.id, "object": "price", "active": True, "billing_scheme": "per_unit", "created": self._company.options.start,
            "currency": price.currency, "custom_unit_amount": None, "livemode": True,
            "lookup_key": f"{price.tier}_{price.currency}_{price.interval}", "metadata": {}, "nickname": f"{price.tier} {price.interval}ly",
            "product": price.product,
            "recurring": {
                "aggregate_usage": None, "interval": price.interval, "interval_count": 1, "meter": None,
                "trial_period_days": None, "usage_type": "licensed",
            },
            "tax_behavior": "exclusive", "tiers_mode": None, "transform_quantity": None, "type": "recurring",
            "unit_amount": price.amount, "unit_amount_decimal": str(price.amount),
        }  # fmt: skip

    def _plan(self, price: Price) -> Json:
        return {
            "id": price.id, "object": "plan", "active": True, "aggregate_usage": None, "amount": price.amount,
            "amount_decimal": str(price.amount), "billing_scheme": "per_unit", "created": self._company.options.start,
            "currency": price.currency, "interval": price.interval, "interval_count": 1, "livemode": True, "metadata": {},
            "meter": None, "nickname": f"{price.tier} {price.interval}ly", "product": price.product, "tiers_mode": None,
            "transform_usage": None, "trial_period_days": None, "usage_type": "licensed",
        }  # fmt: skip

    # Subscriptions

    def _item(self, sub: Subscription, item: Item) -> Json:
        return {
            "id": item.id, "object": "subscription_item", "billing_thresholds": None, "created": item.created_at, "discounts": [],
            "metadata": {}, "plan": self._plans[item.price.id], "price": self._prices[item.price.id], "quantity": item.quantity,
            "subscription": sub.id, "tax_rates": [],
        }  # fmt: skip

    def subscription(self, sub: Subscription, change: Change) -> Json:
        items = [self._item(sub, item) for item in change.items]
        card = self._card(sub.account, change.at)
        single = len(items) == 1
        return {
            "id": sub.id,
            "object": "subscription",
            "application": None,
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": sub.trial_end or sub.created_at,
            "billing_cycle_anchor_config": None,
            "billing_thresholds": None,
            "cancel_at": change.period_end if change.cancel_at_period_end else None,
            "cancel_at_period_end": change.cancel_at_period_end,
            "canceled_at": change.canceled_at,
            "cancellation_details": {"comment": None, "feedback": change.feedback, "reason": change.reason},
            "collection_method": "charge_automatically",
            "created": sub.created_at,
            "currency": change.items[0].price.currency,
            "current_period_end": change.period_end,
            "current_period_start": change.period_start,
            "customer": self._accounts.customer_id[sub.account],
            "days_until_due": None,
            "default_payment_method": card.id if card else None,
            "default_source": None,
            "default_tax_rates": [],
            "description": None,
            "discount": None,
            "discounts": [],
            "ended_at": change.ended_at,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "items": {
                "object": "list", "data": items, "has_more": False, "total_count": len(items),
                "url": f"/v1/subscription_items?subscription={sub.id}",
            },
            "latest_invoice": change.latest_invoice,
            "livemode": True,
            "metadata": {},
            "next_pending_invoice_item_invoice": None,
            "on_behalf_of": None,
            "pause_collection": None,
            "payment_settings": {
                "payment_method_options": None, "payment_method_types": ["card"], "save_default_payment_method": "on_subscription",
            },
            "pending_invoice_item_interval": None,
            "pending_setup_intent": None,
            "pending_update": None,
            "plan": items[0]["plan"] if single else None,
            "quantity": items[0]["quantity"] if single else None,
            "schedule": None,
            "start_date": sub.created_at,
            "status": change.status,
            "test_clock": None,
            "transfer_data": None,
            "trial_end": sub.trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause" if change.status == "paused" else "cancel"}},
            "trial_start": sub.trial_start,
        }  # fmt: skip

    # Invoices

    def _line(self, invoice: Invoice, line: Line) -> Json:
        tax = {"amount": line.tax, "inclusive": False, "tax_rate": "txr_1QhStandardRate00000000", "taxability_reason": "standard_rated", "taxable_amount": line.amount}  # fmt: skip
        return {
            "id": line.id, "object": "line_item", "amount": line.amount, "amount_excluding_tax": line.amount,
            "currency": line.item.price.currency, "description": line.description, "discount_amounts": [], "discountable": not line.proration,
            "discounts": [], "invoice": invoice.id, "livemode": True, "metadata": {}, "period": {"end": line.end, "start": line.start},
            "plan": self._plans[line.item.price.id], "pretax_credit_amounts": [], "price": self._prices[line.item.price.id],
            "proration": line.proration, "proration_details": {"credited_items": None}, "quantity": line.quantity,
            "subscription": invoice.subscription, "subscription_item": line.item.id, "tax_amounts": [tax] if line.tax else [],
            "tax_rates": [], "type": "subscription", "unit_amount_excluding_tax": str(line.item.price.amount),
        }  # fmt: skip

    def invoice(self, invoice: Invoice, at: int) -> Json:
        accounts, account, total = self._accounts, invoice.account, invoice.total
        finished = invoice.paid_at
        tried = [a for a in invoice.attempts if a.at <= at]
        is_final = invoice.finalized_at < self._end and invoice.finalized_at <= at
        paid_at = finished if finished is not None and finished <= at and is_final else None
        written_off = invoice.written_off_at if invoice.written_off_at is not None and invoice.written_off_at <= at else None
        status = "draft" if not is_final else "paid" if paid_at is not None else "uncollectible" if written_off else "open"
        paid = total if paid_at is not None else 0
        last = tried[-1] if tried else None
        currency = accounts.currency(account)
        if invoice.id not in self._lines:
            self._lines[invoice.id] = Fragment(dumps([self._line(invoice, line) for line in invoice.lines]))
        lines, subtotal, taxed = self._lines[invoice.id], invoice.subtotal, invoice.tax
        tax = [{"amount": taxed, "inclusive": False, "tax_rate": "txr_1QhStandardRate00000000", "taxability_reason": "standard_rated", "taxable_amount": subtotal}]  # fmt: skip
        return {
            "id": invoice.id,
            "object": "invoice",
            "account_country": "DE",
            "account_name": COMPANY,
            "account_tax_ids": None,
            "amount_due": total,
            "amount_paid": paid,
            "amount_remaining": total - paid,
            "amount_shipping": 0,
            "application": None,
            "attempt_count": len(tried),
            "attempted": bool(tried) or total == 0,
            "auto_advance": status == "open" and not written_off,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "status": None},
            "billing_reason": invoice.reason,
            "charge": last.id if last else None,
            "collection_method": "charge_automatically",
            "created": invoice.created_at,
            "currency": currency,
            "custom_fields": None,
            "customer": accounts.customer_id[account],
            "customer_address": self._addresses[account],
            "customer_email": accounts.billing_email[account],
            "customer_name": accounts.name[account],
            "customer_phone": None,
            "customer_shipping": None,
            "customer_tax_exempt": "none",
            "customer_tax_ids": [],
            "default_payment_method": None,
            "default_source": None,
            "default_tax_rates": [],
            "description": None,
            "discount": None,
            "discounts": [],
            "due_date": None,
            "effective_at": invoice.finalized_at if is_final else None,
            "ending_balance": 0 if is_final else None,
            "footer": None,
            "from_invoice": None,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "issuer": {"type": "self"},
            "last_finalization_error": None,
            "latest_revision": None,
            "lines": {"object": "list", "data": lines, "has_more": False, "total_count": len(invoice.lines), "url": f"/v1/invoices/{invoice.id}/lines"},
            "livemode": True,
            "metadata": {},
            "next_payment_attempt": None,
            "number": invoice.number if is_final else None,
            "on_behalf_of": None,
            "paid": paid_at is not None,
            "paid_out_of_band": False,
            "payment_intent": invoice.payment_intent if is_final else None,
            "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
            "period_end": invoice.period_end,
            "period_start": invoice.period_start,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "quote": None,
            "receipt_number": None,
            "rendering": None,
            "shipping_cost": None,
            "shipping_details": None,
            "starting_balance": 0,
            "statement_descriptor": None,
            "status": status,
            "status_transitions": {
                "finalized_at": invoice.finalized_at if is_final else None,
                "marked_uncollectible_at": written_off if status == "uncollectible" else None,
                "paid_at": paid_at,
                "voided_at": None,
            },
            "subscription": invoice.subscription,
            "subscription_details": {"metadata": {}},
            "subtotal": subtotal,
            "subtotal_excluding_tax": subtotal,
            "tax": taxed or None,
            "test_clock": None,
            "total": total,
            "total_discount_amounts": [],
            "total_excluding_tax": subtotal,
            "total_pretax_credit_amounts": [],
            "total_tax_amounts": tax if taxed else [],
            "transfer_data": None,
            "webhooks_delivered_at": invoice.created_at,
        }  # fmt: skip

    # Payments

    def charge(self, invoice: Invoice, attempt: Attempt, at: int) -> Json:
        accounts, account, card = self._accounts, invoice.account, attempt.card
        assert card is not None
        refunds = [r for r in self._ledger.refunds.get(attempt.id, []) if r.at <= at]
        dispute = self._ledger.disputes.get(attempt.id)
        returned = sum(r.amount for r in refunds)
        code, decline = attempt.failure or (None, None)
        ok = attempt.succeeded
        outcome: Json = {
            "advice_code": None, "network_advice_code": None, "network_decline_code": None, "network_status": "approved_by_network",
            "reason": None, "risk_level": "normal", "seller_message": "Payment complete.", "type": "authorized",
        }  # fmt: skip
        if not ok:
            outcome |= {"network_status": "declined_by_network", "reason": decline, "seller_message": "The bank returned a decline code.", "type": "issuer_declined"}  # fmt: skip
        return {
            "id": attempt.id,
            "object": "charge",
            "amount": attempt.amount,
            "amount_captured": attempt.amount if ok else 0,
            "amount_refunded": returned,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": attempt.balance_id,
            "billing_details": {"address": self._addresses[account], "email": accounts.billing_email[account], "name": accounts.name[account], "phone": None, "tax_id": None},
            "calculated_statement_descriptor": "QUILLHAVEN",
            "captured": ok,
            "created": attempt.at,
            "currency": accounts.currency(account),
            "customer": accounts.customer_id[account],
            "description": "Subscription creation" if invoice.reason == "subscription_create" else "Subscription update",
            "disputed": dispute is not None and dispute.at <= at,
            "failure_balance_transaction": None,
            "failure_code": code,
            "failure_message": _MESSAGES[decline] if decline else None,
            "fraud_details": {},
            "invoice": invoice.id,
            "livemode": True,
            "metadata": {},
            "on_behalf_of": None,
            "outcome": outcome,
            "paid": ok,
            "payment_intent": invoice.payment_intent,
            "payment_method": card.id,
            "payment_method_details": {
                "card": {
                    "amount_authorized": attempt.amount if ok else None, "brand": card.brand,
                    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
                    "country": accounts.place(account).code, "exp_month": card.exp_month, "exp_year": card.exp_year,
                    "fingerprint": card.fingerprint, "funding": "credit", "installments": None, "last4": card.last4, "mandate": None,
                    "network": card.brand, "network_token": {"used": False}, "three_d_secure": None, "wallet": None,
                },
                "type": "card",
            },
            "radar_options": {},
            "receipt_email": None,
            "receipt_number": None,
            "receipt_url": None,
            "refunded": returned == attempt.amount,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "succeeded" if ok else "failed",
            "transfer_data": None,
            "transfer_group": None,
        }  # fmt: skip

    def payment_intent(self, invoice: Invoice, at: int) -> Json:
        tried = [a for a in invoice.attempts if a.at <= at]
        last = tried[-1] if tried else None
        done = last is not None and last.succeeded
        given_up = invoice.written_off_at is not None and invoice.written_off_at <= at and not done
        error = None
        if last and not done:
            code, decline = last.failure or ("", "")
            error = {"charge": last.id, "code": code, "decline_code": decline, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}", "message": _MESSAGES[decline], "type": "card_error"}  # fmt: skip
        return {
            "id": invoice.payment_intent, "object": "payment_intent", "amount": invoice.total, "amount_capturable": 0,
            "amount_details": {"tip": {}}, "amount_received": invoice.total if done else 0, "application": None,
            "application_fee_amount": None, "automatic_payment_methods": None,
            "canceled_at": invoice.written_off_at if given_up else None, "cancellation_reason": "void_invoice" if given_up else None,
            "capture_method": "automatic", "client_secret": None, "confirmation_method": "automatic", "created": invoice.finalized_at,
            "currency": self._accounts.currency(invoice.account), "customer": self._accounts.customer_id[invoice.account],
            "description": "Subscription creation" if invoice.reason == "subscription_create" else "Subscription update",
            "invoice": invoice.id, "last_payment_error": error, "latest_charge": last.id if last else None, "livemode": True,
            "metadata": {}, "next_action": None, "on_behalf_of": None,
            "payment_method": last.card.id if last and last.card and done else None, "payment_method_configuration_details": None,
            "payment_method_options": {"card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"], "processing": None, "receipt_email": None, "review": None, "setup_future_usage": "off_session",
            "shipping": None, "source": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
            "status": "succeeded" if done else "canceled" if given_up else "requires_payment_method", "transfer_data": None, "transfer_group": None,
        }  # fmt: skip

    def refund(self, invoice: Invoice, refund: Refund) -> Json:
        return {
            "id": refund.id, "object": "refund", "amount": refund.amount, "balance_transaction": refund.balance_id, "charge": refund.payment,
            "created": refund.at, "currency": self._accounts.currency(invoice.account),
            "destination_details": {"card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}, "type": "card"},
            "metadata": {}, "payment_intent": invoice.payment_intent, "reason": refund.reason, "receipt_number": None,
            "source_transfer_reversal": None, "status": "succeeded", "transfer_reversal": None,
        }  # fmt: skip

    def dispute(self, invoice: Invoice, dispute: Dispute, at: int, booked: list[Json]) -> Json:
        closed = dispute.closed_at is not None and dispute.closed_at <= at
        status = ("won" if dispute.is_won else "lost") if closed else "needs_response"
        return {
            "id": dispute.id, "object": "dispute", "amount": dispute.amount,
            "balance_transactions": [b for b in booked if b["created"] <= at], "charge": dispute.payment, "created": dispute.at,
            "currency": self._accounts.currency(invoice.account), "enhanced_eligibility_types": [], "evidence": {},
            "evidence_details": {
                "due_by": dispute.at + 9 * DAY, "enhanced_eligibility": {}, "has_evidence": closed,
                "past_due": not closed and at > dispute.at + 9 * DAY, "submission_count": int(closed),
            },
            "is_charge_refundable": False, "livemode": True, "metadata": {}, "payment_intent": invoice.payment_intent,
            "payment_method_details": {"card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"}, "type": "card"},
            "reason": dispute.reason, "status": status,
        }  # fmt: skip


def balance_transaction(
    id: str, at: int, amount: int, fee: int, currency: str, type: str, category: str, source: str, text: str, end: int
) -> Json:
    available = (at // DAY + (4 if currency == "jpy" else 2)) * DAY
    kind = {"amount": fee, "application": None, "currency": currency, "description": "Stripe processing fees", "type": "stripe_fee"}
    return {
        "id": id, "object": "balance_transaction", "amount": amount, "available_on": available, "created": at, "currency": currency,
        "description": text, "exchange_rate": None, "fee": fee, "fee_details": [kind] if fee else [], "net": amount - fee,
        "reporting_category": category, "source": source, "status": "available" if available < end else "pending", "type": type,
    }  # fmt: skip


assert set(MONTHLY) == set(PRODUCTS), "every product has a price in every currency"
