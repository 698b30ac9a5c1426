"""Stripe invoices with their lines, as they stood at a moment."""

from __future__ import annotations

from orjson import Fragment, dumps

from nexus.demo.catalog import COMPANY
from nexus.demo.wire.stripe_catalog import Json, nothing
from nexus.demo.wire.stripe_subscriptions import Subscriptions
from nexus.demo.world.ledger import Invoice, Line


class Invoices(Subscriptions):
    """Invoices. Lines never change, so they are encoded once."""

    def _line(self, invoice: Invoice, line: Line) -> Json:
        tax = {
            "amount": line.tax,
            "inclusive": False,
            "tax_rate": "txr_1QhStandardRate00000000",
            "taxability_reason": "standard_rated",
            "taxable_amount": line.amount,
        }
        return {
            "id": line.id,
            "object": "line_item",
            "amount": line.amount,
            "amount_excluding_tax": line.amount,
            "currency": line.item.price.currency,
            "description": line.description,
            "discount_amounts": [],
            "discountable": not line.proration,
            "discounts": [],
            "invoice": invoice.id,
            "livemode": True,
            "metadata": {},
            "period": {"end": line.end, "start": line.start},
            "plan": self._plans[line.item.price.id],
            "pretax_credit_amounts": [],
            "price": self._prices[line.item.price.id],
            "proration": line.proration,
            "proration_details": {"credited_items": None},
            "quantity": line.quantity,
            "subscription": invoice.subscription,
            "subscription_item": line.item.id,
            "tax_amounts": [tax] if line.tax else [],
            "tax_rates": [],
            "type": "subscription",
            "unit_amount_excluding_tax": str(line.item.price.amount),
        }

    def invoice(self, invoice: Invoice, at: int) -> Json:
        accounts, account, total = self._accounts, invoice.account, invoice.total
        finished = invoice.paid_at
        tried = [a for a in invoice.attempts if a.at <= at]
        is_final = invoice.finalized_at < self._end and invoice.finalized_at <= at
        paid_at = finished if finished is not None and finished <= at and is_final else None
        written_off = (
            invoice.written_off_at if invoice.written_off_at is not None and invoice.written_off_at <= at else None
        )
        status = (
            "draft" if not is_final else "paid" if paid_at is not None else "uncollectible" if written_off else "open"
        )
        paid = total if paid_at is not None else 0
        last = tried[-1] if tried else None
        currency = accounts.currency(account)
        if invoice.id not in self._lines:
            self._lines[invoice.id] = Fragment(dumps([self._line(invoice, line) for line in invoice.lines]))
        lines, subtotal, taxed = self._lines[invoice.id], invoice.subtotal, invoice.tax
        tax = [
            {
                "amount": taxed,
                "inclusive": False,
                "tax_rate": "txr_1QhStandardRate00000000",
                "taxability_reason": "standard_rated",
                "taxable_amount": subtotal,
            }
        ]
        return {
            "id": invoice.id,
            "object": "invoice",
            "account_country": "DE",
            "account_name": COMPANY,
            "amount_due": total,
            "amount_paid": paid,
            "amount_remaining": total - paid,
            "amount_shipping": 0,
            "attempt_count": len(tried),
            "attempted": bool(tried) or total == 0,
            "auto_advance": status == "open" and not written_off,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "status": None},
            "billing_reason": invoice.reason,
            "charge": last.id if last else None,
            "collection_method": "charge_automatically",
            "created": invoice.created_at,
            "currency": currency,
            "customer": accounts.customer_id[account],
            "customer_address": self._addresses[account],
            "customer_email": accounts.billing_email[account],
            "customer_name": accounts.name[account],
            "customer_tax_exempt": "none",
            "customer_tax_ids": [],
            "default_tax_rates": [],
            "discounts": [],
            "effective_at": invoice.finalized_at if is_final else None,
            "ending_balance": 0 if is_final else None,
            "issuer": {"type": "self"},
            "lines": {
                "object": "list",
                "data": lines,
                "has_more": False,
                "total_count": len(invoice.lines),
                "url": f"/v1/invoices/{invoice.id}/lines",
            },
            "livemode": True,
            "metadata": {},
            "number": invoice.number if is_final else None,
            "paid": paid_at is not None,
            "paid_out_of_band": False,
            "payment_intent": invoice.payment_intent if is_final else None,
            "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
            "period_end": invoice.period_end,
            "period_start": invoice.period_start,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "starting_balance": 0,
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
            "total": total,
            "total_discount_amounts": [],
            "total_excluding_tax": subtotal,
            "total_pretax_credit_amounts": [],
            "total_tax_amounts": tax if taxed else [],
            "webhooks_delivered_at": invoice.created_at,
            **nothing(
                "account_tax_ids application custom_fields customer_phone customer_shipping "
                "default_payment_method default_source description discount due_date footer "
                "from_invoice hosted_invoice_url invoice_pdf last_finalization_error latest_revision "
                "next_payment_attempt on_behalf_of quote receipt_number rendering shipping_cost "
                "shipping_details statement_descriptor test_clock transfer_data"
            ),
        }
