"""Stripe subscriptions as they stood after a change."""

from __future__ import annotations

from nexus.demo.wire.stripe_catalog import Catalog, Json, nothing
from nexus.demo.world.ledger import Change, Item, Subscription


class Subscriptions(Catalog):
    """Subscriptions with their items."""

    def _item(self, sub: Subscription, item: Item) -> Json:
        return {
            "id": item.id,
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": item.created_at,
            "discounts": [],
            "metadata": {},
            "plan": self._plans[item.price.id],
            "price": self._prices[item.price.id],
            "quantity": item.quantity,
            "subscription": sub.id,
            "tax_rates": [],
        }

    def subscription(self, sub: Subscription, change: Change) -> Json:
        items = [self._item(sub, item) for item in change.items]
        card = self._card(sub.account, change.at)
        single = len(items) == 1
        return {
            "id": sub.id,
            "object": "subscription",
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": sub.trial_end or sub.created_at,
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
            "default_payment_method": card.id if card else None,
            "default_tax_rates": [],
            "discounts": [],
            "ended_at": change.ended_at,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "items": {
                "object": "list",
                "data": items,
                "has_more": False,
                "total_count": len(items),
                "url": f"/v1/subscription_items?subscription={sub.id}",
            },
            "latest_invoice": change.latest_invoice,
            "livemode": True,
            "metadata": {},
            "payment_settings": {
                "payment_method_options": None,
                "payment_method_types": ["card"],
                "save_default_payment_method": "on_subscription",
            },
            "plan": items[0]["plan"] if single else None,
            "quantity": items[0]["quantity"] if single else None,
            "start_date": sub.created_at,
            "status": change.status,
            "trial_end": sub.trial_end,
            "trial_settings": {
                "end_behavior": {"missing_payment_method": "pause" if change.status == "paused" else "cancel"}
            },
            "trial_start": sub.trial_start,
            **nothing(
                "application application_fee_percent billing_cycle_anchor_config billing_thresholds "
                "days_until_due default_source description discount next_pending_invoice_item_invoice "
                "on_behalf_of pause_collection pending_invoice_item_interval pending_setup_intent "
                "pending_update schedule test_clock transfer_data"
            ),
        }
