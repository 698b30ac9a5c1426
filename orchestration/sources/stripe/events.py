"""Stripe's events and what they tell about subscriptions: https://docs.stripe.com/api/events.

Belongs here: the feed, the snapshots in it, deletions. Does not belong here: objects as they are now (billing.py).
"""

from __future__ import annotations

from nexus.contracts import Table
from orchestration.lib.columns import columns, epoch, part, text
from orchestration.sources.stripe import extract
from orchestration.sources.stripe.billing import LIVE, price, subscription_state

EVENT = Table(
    "stripe", "event", nature="entity", id="id", event_at="created_at", select=extract.objects("event"),
    # an event's facts never change, but `pending_webhooks` counts down: two exports of one event are no conflict
    description="One row per event of the feed.",
    columns=columns(
        text("id", None, "evt_…"),
        text("type", None, "invoice.paid, customer.subscription.updated, …", required=True),
        epoch("created_at", "created", required=True),
        text("api_version", None, "Version that the object inside is written in"),
        text("object_id", "data.object.id", "What it happened to"),
        text("object_type", "data.object.object", "Kind of that object"),
        text("request_id", "request.id", "API call that caused it"),
        part("data_object", "data.object", "The object after the event"),
        part("previous_attributes", "data.previous_attributes", "Former values of what was updated"),
        LIVE,
    ),
)  # fmt: skip

SUBSCRIPTION_CHANGE = Table(
    "stripe", "subscription_change", nature="event", id="id", event_at="changed_at", select=extract.SUBSCRIPTION_CHANGE,
    description=(
        "One row per event customer.subscription.created, updated, deleted, paused or resumed: "
        "the subscription as it was after it."
    ),
    columns=columns(
        text("id", None, "Id of the event"),
        text("event_type", "type", "customer.subscription.…", required=True),
        epoch("changed_at", "created", "When it happened", required=True),
        text("subscription_id", "subscription.id", "What changed", required=True),
        epoch("created_at", "subscription.created", "When the subscription was made"),
        subscription_state("subscription."),
        text("previous_status", "previous_attributes.status", "Status before, where the event changed it"),
        part("previous_attributes", None, "Former values of what was updated"),
        LIVE,
        part("metadata", "subscription.metadata", "Key-value pairs that the merchant attached"),
    ),
)  # fmt: skip

SUBSCRIPTION_CHANGE_ITEM = Table(
    "stripe", "subscription_change_item", nature="event", id="id", event_at="changed_at",
    select=extract.SUBSCRIPTION_CHANGE_ITEM,
    description="One row per item that a subscription had after a change: together they are its price at that time.",
    columns=columns(
        text("id", None, "Event id / item id"),
        text("event_id", None, "Id of the change", required=True),
        text("subscription_id", "subscription", required=True),
        text("customer_id", "customer"),
        text("item_id", "item.id", "si_…", required=True),
        epoch("changed_at", "created", "When it happened", required=True),
        price("item."),
    ),
)  # fmt: skip

DELETED_OBJECT = Table(
    "stripe", "deleted_object", nature="entity", id="id", select=extract.objects("deleted"),
    # such a stub must not replace the last full version of its object, which facts still refer to
    description="One row per object that Stripe reports as deleted, of which it gives no more than this.",
    columns=columns(
        text("id", None, "Id of the deleted object"),
        text("object_type", "object", "customer, product, price, …"),
    ),
)  # fmt: skip
