"""How Stripe's documents are opened and split into records: SQL over `documents`.

Belongs here: list pages, sub-objects that are records of their own, fields that moved between API versions.
Does not belong here: columns and promises (billing.py, payments.py, events.py).

Objects are told apart by `object`, which every one of them has: https://docs.stripe.com/api. Where the API moved a
field, the select puts it at its older place, so that one column holds it whatever version wrote the export.
"""

from __future__ import annotations

from orchestration.lib.json_sql import elements, first

#: What a document is: its `object`, or `deleted` for the stub that stands for a deleted one. Lines of an invoice that
#: Stripe only previews have ids made anew at each call: they are no record of what was invoiced.
KIND = """case
    when (doc->>'$.deleted') = 'true' then 'deleted'
    when (doc->>'$.object') = 'line_item' and starts_with(doc->>'$.id', 'il_tmp_') then 'line_item of a preview'
    else doc->>'$.object' end"""

#: Collections: what they hold is records, they are none. List and search pages are {"object": "list", "data": [...]};
#: the examples that Stripe publishes of every resource are {"resources": {name: object}}.
_COLLECTION = """case
    when (doc->>'$.object') in ('list', 'search_result') then 'page'
    when (doc->'$.object') is null and json_type(doc->'$.resources') = 'OBJECT' then 'examples' else 'object' end"""
UNWRAP = f"""
    with told as (select _line, _text, doc, {_COLLECTION} as form from documents)
    select _line, _text, doc from told where form = 'object'
    union all
    select _line, _text, {elements("doc.data")} as doc from told where form = 'page'
    union all
    select _line, _text, unnest(json_extract(doc, '$.resources.*')) as doc from told where form = 'examples'
"""


def objects(kind: str) -> str:
    """Documents of one kind, as they are."""
    return f"select _line, _text, doc from documents where _kind = '{kind}'"


def _with_period(column: str) -> str:
    """The subscription in `column`; since API version 2025-03-31 its billing period stands on the items alone."""
    start = first(f"{column}.current_period_start", f"{column}.items.data[0].current_period_start")
    end = first(f"{column}.current_period_end", f"{column}.items.data[0].current_period_end")
    patch = f"json_object('current_period_start', {start}, 'current_period_end', {end})"
    return f"""case when ({column}->>'$.current_period_start') is not null then {column}
        else json_merge_patch({column}, {patch}) end"""


SUBSCRIPTION = f"select _line, _text, {_with_period('doc')} as doc from documents where _kind = 'subscription'"

#: Items arrive inside their subscription or alone.
SUBSCRIPTION_ITEM = f"""
    select _line, _text, {elements("doc.items.data")} as doc from documents where _kind = 'subscription'
    union all
    select _line, _text, doc from documents where _kind = 'subscription_item'
"""

#: `subscription`, `payment_intent` and `charge` left the invoice with API version 2025-03-31.
INVOICE = f"""
    select _line, _text, json_merge_patch(doc, json_object(
        'subscription', {first("doc.subscription", "doc.parent.subscription_details.subscription")},
        'payment_intent', {first("doc.payment_intent", "doc.payments.data[0].payment.payment_intent")},
        'charge', {first("doc.charge", "doc.payments.data[0].payment.charge")})) as doc
    from documents where _kind = 'invoice'
"""

#: Lines know their invoice but not its customer and time, so they take these along. What a line belongs to moved from
#: the line into `parent`, its price into `pricing`.
_ITEM, _INVOICE_ITEM = "line.parent.subscription_item_details", "line.parent.invoice_item_details"
_PRICING = "line.pricing.price_details"
INVOICE_LINE = f"""
    select _line, _text, json_merge_patch(line, json_object(
        'invoice', {first("line.invoice", "invoice.id")},
        'customer', invoice->'$.customer',
        'invoice_created', invoice->'$.created',
        'subscription', {first("line.subscription", f"{_ITEM}.subscription", f"{_INVOICE_ITEM}.subscription")},
        'subscription_item', {first("line.subscription_item", f"{_ITEM}.subscription_item")},
        'proration', {first("line.proration", f"{_ITEM}.proration", f"{_INVOICE_ITEM}.proration")},
        'price_id', {first("line.price.id", f"{_PRICING}.price", "line.plan.id")},
        'product_id', {first("line.price.product", f"{_PRICING}.product", "line.plan.product")},
        'unit_amount_decimal', {first("line.pricing.unit_amount_decimal", "line.price.unit_amount_decimal")})) as doc
    from (
        select _line, _text, doc as invoice, {elements("doc.lines.data")} as line from documents where _kind = 'invoice'
        union all
        select _line, _text, '{{}}'::json as invoice, doc as line from documents where _kind = 'line_item'
    )
"""

#: Links of invoice and payment, an object of its own since 2025-03-31; inside the invoice only when expanded.
INVOICE_PAYMENT = f"""
    select _line, _text, doc from documents where _kind = 'invoice_payment'
    union all
    select _line, _text, {elements("doc.payments.data")} as doc from documents where _kind = 'invoice'
"""

_CHANGES = """
    select _line, _text, doc, doc->'$.data.object' as subscription
    from documents
    where _kind = 'event' and (doc->>'$.type') in (
        'customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted',
        'customer.subscription.paused', 'customer.subscription.resumed')
"""

SUBSCRIPTION_CHANGE = f"""
    select _line, _text, json_object(
        'id', doc->'$.id', 'type', doc->'$.type', 'created', doc->'$.created', 'livemode', doc->'$.livemode',
        'previous_attributes', doc->'$.data.previous_attributes', 'subscription', {_with_period("subscription")}) as doc
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
            {elements("subscription.items.data")} as item
        from ({_CHANGES})
    )
"""
