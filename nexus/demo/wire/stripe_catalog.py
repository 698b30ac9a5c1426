"""Stripe customers, products and prices as they stood at a moment (API version in catalog.API_VERSION).

Shapes: https://docs.stripe.com/api . The chain stripe_catalog → stripe_subscriptions → stripe_invoices →
stripe_payments is one writer of objects, cut by kind; files and events are put together in wire/stripe.
"""

from __future__ import annotations

from typing import Any

from orjson import Fragment, dumps

from nexus.demo.catalog import PRICES, PRODUCTS, Price
from nexus.demo.world.company import Company
from nexus.demo.world.ledger import Card, Invoice

Json = dict[str, Any]


def nothing(names: str) -> dict[str, None]:
    """The fields that the API returns as null."""
    return dict.fromkeys(names.split())


class Catalog:
    """Whom the company sells to, and what."""

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

    def _address(self, account: int) -> Json:
        place = self._accounts.place(account)
        return {
            "city": place.city,
            "country": place.code,
            **nothing("line1 line2 postal_code state"),
        }

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
            "delinquent": unpaid,
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
            "preferred_locales": [],
            "tax_exempt": "none",
            **nothing("default_source description discount phone shipping test_clock"),
        }

    def product(self, tier: str) -> Json:
        id, name, description = PRODUCTS[tier]
        made = self._company.options.start
        return {
            "id": id,
            "object": "product",
            "active": True,
            "attributes": [],
            "created": made,
            "default_price": PRICES[tier, "usd", "month"].id,
            "description": description,
            "images": [],
            "livemode": True,
            "marketing_features": [],
            "metadata": {"tier": tier},
            "name": name,
            "type": "service",
            "unit_label": "terabyte" if tier == "archive" else "seat",
            "updated": made,
            **nothing("package_dimensions shippable statement_descriptor tax_code url"),
        }

    def price(self, price: Price) -> Json:
        return {
            "id": price.id,
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": self._company.options.start,
            "currency": price.currency,
            "custom_unit_amount": None,
            "livemode": True,
            "lookup_key": f"{price.tier}_{price.currency}_{price.interval}",
            "metadata": {},
            "nickname": f"{price.tier} {price.interval}ly",
            "product": price.product,
            "recurring": {
                "aggregate_usage": None,
                "interval": price.interval,
                "interval_count": 1,
                "meter": None,
                "trial_period_days": None,
                "usage_type": "licensed",
            },
            "tax_behavior": "exclusive",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring",
            "unit_amount": price.amount,
            "unit_amount_decimal": str(price.amount),
        }

    def _plan(self, price: Price) -> Json:
        return {
            "id": price.id,
            "object": "plan",
            "active": True,
            "amount": price.amount,
            "amount_decimal": str(price.amount),
            "billing_scheme": "per_unit",
            "created": self._company.options.start,
            "currency": price.currency,
            "interval": price.interval,
            "interval_count": 1,
            "livemode": True,
            "metadata": {},
            "nickname": f"{price.tier} {price.interval}ly",
            "product": price.product,
            "usage_type": "licensed",
            **nothing("aggregate_usage meter tiers_mode transform_usage trial_period_days"),
        }
