"""Stripe charges, payment intents, refunds, disputes and balance transactions, as they stood at a moment."""

from __future__ import annotations

from nexus.demo.options import DAY
from nexus.demo.wire.stripe_catalog import Json, nothing
from nexus.demo.wire.stripe_invoices import Invoices
from nexus.demo.world.ledger import Attempt, Dispute, Invoice, Refund

_MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "generic_decline": "Your card was declined.",
    "do_not_honor": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


class Objects(Invoices):
    """Every object of the Stripe API that the company has."""

    def charge(self, invoice: Invoice, attempt: Attempt, at: int) -> Json:
        accounts, account, card = self._accounts, invoice.account, attempt.card
        assert card is not None
        refunds = [r for r in self._ledger.refunds.get(attempt.id, []) if r.at <= at]
        dispute = self._ledger.disputes.get(attempt.id)
        returned = sum(r.amount for r in refunds)
        code, decline = attempt.failure or (None, None)
        ok = attempt.succeeded
        outcome: Json = {
            "network_status": "approved_by_network",
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
            **nothing("advice_code network_advice_code network_decline_code reason"),
        }
        if not ok:
            outcome |= {
                "network_status": "declined_by_network",
                "reason": decline,
                "seller_message": "The bank returned a decline code.",
                "type": "issuer_declined",
            }
        return {
            "id": attempt.id,
            "object": "charge",
            "amount": attempt.amount,
            "amount_captured": attempt.amount if ok else 0,
            "amount_refunded": returned,
            "balance_transaction": attempt.balance_id,
            "billing_details": {
                "address": self._addresses[account],
                "email": accounts.billing_email[account],
                "name": accounts.name[account],
                "phone": None,
                "tax_id": None,
            },
            "calculated_statement_descriptor": "QUILLHAVEN",
            "captured": ok,
            "created": attempt.at,
            "currency": accounts.currency(account),
            "customer": accounts.customer_id[account],
            "description": "Subscription creation"
            if invoice.reason == "subscription_create"
            else "Subscription update",
            "disputed": dispute is not None and dispute.at <= at,
            "failure_code": code,
            "failure_message": _MESSAGES[decline] if decline else None,
            "fraud_details": {},
            "invoice": invoice.id,
            "livemode": True,
            "metadata": {},
            "outcome": outcome,
            "paid": ok,
            "payment_intent": invoice.payment_intent,
            "payment_method": card.id,
            "payment_method_details": {
                "card": {
                    "amount_authorized": attempt.amount if ok else None,
                    "brand": card.brand,
                    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
                    "country": accounts.place(account).code,
                    "exp_month": card.exp_month,
                    "exp_year": card.exp_year,
                    "fingerprint": card.fingerprint,
                    "funding": "credit",
                    "last4": card.last4,
                    "network": card.brand,
                    "network_token": {"used": False},
                    **nothing("installments mandate three_d_secure wallet"),
                },
                "type": "card",
            },
            "radar_options": {},
            "refunded": returned == attempt.amount,
            "status": "succeeded" if ok else "failed",
            **nothing(
                "application application_fee application_fee_amount failure_balance_transaction "
                "on_behalf_of receipt_email receipt_number receipt_url review shipping source "
                "source_transfer statement_descriptor statement_descriptor_suffix transfer_data "
                "transfer_group"
            ),
        }

    def payment_intent(self, invoice: Invoice, at: int) -> Json:
        tried = [a for a in invoice.attempts if a.at <= at]
        last = tried[-1] if tried else None
        done = last is not None and last.succeeded
        given_up = invoice.written_off_at is not None and invoice.written_off_at <= at and not done
        error = None
        if last and not done:
            code, decline = last.failure or ("", "")
            error = {
                "charge": last.id,
                "code": code,
                "decline_code": decline,
                "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
                "message": _MESSAGES[decline],
                "type": "card_error",
            }
        return {
            "id": invoice.payment_intent,
            "object": "payment_intent",
            "amount": invoice.total,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": invoice.total if done else 0,
            "canceled_at": invoice.written_off_at if given_up else None,
            "cancellation_reason": "void_invoice" if given_up else None,
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "created": invoice.finalized_at,
            "currency": self._accounts.currency(invoice.account),
            "customer": self._accounts.customer_id[invoice.account],
            "description": "Subscription creation"
            if invoice.reason == "subscription_create"
            else "Subscription update",
            "invoice": invoice.id,
            "last_payment_error": error,
            "latest_charge": last.id if last else None,
            "livemode": True,
            "metadata": {},
            "payment_method": last.card.id if last and last.card and done else None,
            "payment_method_options": {
                "card": {
                    "installments": None,
                    "mandate_options": None,
                    "network": None,
                    "request_three_d_secure": "automatic",
                }
            },
            "payment_method_types": ["card"],
            "setup_future_usage": "off_session",
            "status": "succeeded" if done else "canceled" if given_up else "requires_payment_method",
            **nothing(
                "application application_fee_amount automatic_payment_methods client_secret "
                "next_action on_behalf_of payment_method_configuration_details processing "
                "receipt_email review shipping source statement_descriptor "
                "statement_descriptor_suffix transfer_data transfer_group"
            ),
        }

    def refund(self, invoice: Invoice, refund: Refund) -> Json:
        return {
            "id": refund.id,
            "object": "refund",
            "amount": refund.amount,
            "balance_transaction": refund.balance_id,
            "charge": refund.payment,
            "created": refund.at,
            "currency": self._accounts.currency(invoice.account),
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": {},
            "payment_intent": invoice.payment_intent,
            "reason": refund.reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }

    def dispute(self, invoice: Invoice, dispute: Dispute, at: int, booked: list[Json]) -> Json:
        closed = dispute.closed_at is not None and dispute.closed_at <= at
        status = ("won" if dispute.is_won else "lost") if closed else "needs_response"
        return {
            "id": dispute.id,
            "object": "dispute",
            "amount": dispute.amount,
            "balance_transactions": [b for b in booked if b["created"] <= at],
            "charge": dispute.payment,
            "created": dispute.at,
            "currency": self._accounts.currency(invoice.account),
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": dispute.at + 9 * DAY,
                "enhanced_eligibility": {},
                "has_evidence": closed,
                "past_due": not closed and at > dispute.at + 9 * DAY,
                "submission_count": int(closed),
            },
            "is_charge_refundable": False,
            "livemode": True,
            "metadata": {},
            "payment_intent": invoice.payment_intent,
            "payment_method_details": {
                "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
                "type": "card",
            },
            "reason": dispute.reason,
            "status": status,
        }


def balance_transaction(
    id: str, at: int, amount: int, fee: int, currency: str, type: str, category: str, source: str, text: str, end: int
) -> Json:
    available = (at // DAY + (4 if currency == "jpy" else 2)) * DAY
    kind = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available,
        "created": at,
        "currency": currency,
        "description": text,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [kind] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "available" if available < end else "pending",
        "type": type,
    }
