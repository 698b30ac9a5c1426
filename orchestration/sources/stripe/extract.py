"""How Stripe's documents are opened and split into records: SQL over `documents`.

Belongs here: list pages, sub-objects that are records of their own, fields that moved between API versions.
Does not belong here: columns and promises (billing.py, payments.py, events.py).

Objects are told apart by `object`, which every one of them has: https://docs.stripe.com/api. Where the API moved a
field, the select puts it at its older place, so that one column holds it whatever version wrote the export.
"""

from __future__ import annotations

#: What a document is: its `object`, or `deleted` for the stub that stands for a deleted one.
KIND = "case when doc->>'$.deleted' = 'true' then 'deleted' else doc->>'$.object' end"

#: List and search pages ({"object": "list", "data": [...]}) give way to their elements.
UNWRAP = """
    select _line, _text, doc from documents where coalesce(doc->>'$.object', '') not in ('list', 'search_result')
    union all
    select _line, _text, unnest(from_json(doc->'$.data', '["JSON"]')) as doc
    from documents where doc->>'$.object' in ('list', 'search_result')
"""


def objects(kind: str) -> str:
    """Documents of one kind, as they are."""
    return f"select _line, _text, doc from documents where _kind = '{kind}'"


#: Since API version 2025-03-31 the billing period stands on the items alone.
_PERIOD = """json_object(
    'current_period_start', coalesce({0}->'$.current_period_start', {0}->'$.items.data[0].current_period_start'),
    'current_period_end', coalesce({0}->'$.current_period_end', {0}->'$.items.data[0].current_period_end'))"""

SUBSCRIPTION = f"""
    select _line, _text, case when doc->>'$.current_period_start' is not null then doc
        else json_merge_patch(doc, {_PERIOD.format("doc")}) end as doc
    from documents where _kind = 'subscription'
"""

#: Items arrive inside their subscription or alone.
SUBSCRIPTION_ITEM = """
    select _line, _text, item as doc
    from (
        select _line, _text, unnest(from_json(doc->'$.items.data', '["JSON"]')) as item
        from documents where _kind = 'subscription'
        union all
        select _line, _text, doc from documents where _kind = 'subscription_item'
    )
"""

#: `subscription`, `payment_intent` and `charge` left the invoice with API version 2025-03-31.
INVOICE = """
    select _line, _text, case when doc->>'$.subscription' is not null then doc
        else json_merge_patch(doc, json_object(
            'subscription', doc->'$.parent.subscription_details.subscription',
            'payment_intent', coalesce(doc->'$.payment_intent', doc->'$.payments.data[0].payment.payment_intent'),
            'charge', coalesce(doc->'$.charge', doc->'$.payments.data[0].payment.charge'))) end as doc
    from documents where _kind = 'invoice'
"""

#: Lines know their invoice but not its customer and time, so they take these along.
INVOICE_LINE = """
    select _line, _text, json_merge_patch(line, json_object(
        'invoice', coalesce(line->'$.invoice', invoice->'$.id'),
        'customer', invoice->'$.customer',
        'invoice_created', invoice->'$.created',
        'subscription', coalesce(
            case when line->>'$.subscription' is not null then line->'$.subscription' end,
            line->'$.parent.subscription_item_details.subscription',
            line->'$.parent.invoice_item_details.subscription'),
        'subscription_item', coalesce(line->'$.subscription_item', line->'$.parent.subscription_item_details.subscription_item'),
        'proration', coalesce(
            line->'$.proration',
            line->'$.parent.subscription_item_details.proration', line->'$.parent.invoice_item_details.proration'),
        'price_id', coalesce(line->'$.price.id', line->'$.pricing.price_details.price', line->'$.plan.id'),
        'product_id', coalesce(line->'$.price.product', line->'$.pricing.price_details.product', line->'$.plan.product'),
        'unit_amount_decimal', coalesce(
            line->'$.pricing.unit_amount_decimal', line->'$.price.unit_amount_decimal', line->'$.unit_amount_excluding_tax'))) as doc
    from (
        select _line, _text, doc as invoice, unnest(from_json(doc->'$.lines.data', '["JSON"]')) as line
        from documents where _kind = 'invoice'
        union all
        select _line, _text, '{}'::json as invoice, doc as line from documents where _kind = 'line_item'
    )
"""

#: Links of invoice and payment, an object of its own since 2025-03-31; inside the invoice only when expanded.
INVOICE_PAYMENT = """
    select _line, _text, doc from documents where _kind = 'invoice_payment'
    union all
    select _line, _text, unnest(from_json(doc->'$.payments.data', '["JSON"]')) as doc
    from documents where _kind = 'invoice'
"""

_CHANGES = """
    select _line, _text, doc, doc->'$.data.object' as subscription
    from documents
    where _kind = 'event' and doc->>'$.type' in (
        'customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted',
        'customer.subscription.paused', 'customer.subscription.resumed')
"""

SUBSCRIPTION_CHANGE = f"""
    select _line, _text, json_object(
        'id', doc->'$.id', 'type', doc->'$.type', 'created', doc->'$.created', 'livemode', doc->'$.livemode',
        'previous_attributes', doc->'$.data.previous_attributes',
        'subscription', case when subscription->>'$.current_period_start' is not null then subscription
            else json_merge_patch(subscription, {_PERIOD.format("subscription")}) end) as doc
    from ({_CHANGES})
"""

#: One row for each item that the subscription had after the change.
SUBSCRIPTION_CHANGE_ITEM = f"""
    select _line, _text, json_object(
        'id', concat(event_id, '/', item->>'$.id'), 'event_id', event_id, 'created', created, 'customer', customer,
        'subscription', subscription_id, 'item', item) as doc
    from (
        select _line, _text, doc->>'$.id' as event_id, doc->'$.created' as created,
            subscription->'$.id' as subscription_id, subscription->'$.customer' as customer,
            unnest(from_json(subscription->'$.items.data', '["JSON"]')) as item
        from ({_CHANGES})
    )
"""
