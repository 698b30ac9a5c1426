"""How PayPal's responses are opened and split into records: SQL over `documents`.

Belongs here: pages, batches, keys that PayPal leaves to the reader. Does not belong here: columns (contract.py).
"""

from __future__ import annotations

from orchestration.lib.json_sql import elements

#: PayPal writes no `object` field: documents are told apart by the fields that only they have.
KIND = """case
    when (doc->'$.transaction_info') is not null then 'transaction'
    when (doc->'$.payout_item') is not null then 'payout_item'
    when (doc->'$.plan_id') is not null or (doc->'$.subscriber') is not null then 'subscription' end"""

#: Pages of transaction search and of subscriptions, and payout batches, give way to their elements. An item takes
#: its batch along.
UNWRAP = f"""
    select _line, _text, {elements("doc.transaction_details")} as doc
    from documents where (doc->'$.transaction_details') is not null
    union all
    select _line, _text, {elements("doc.subscriptions")}
    from documents where (doc->'$.subscriptions') is not null
    union all
    select _line, _text, json_merge_patch(
        {elements("doc.items")}, json_object('batch_header', doc->'$.batch_header'))
    from documents where (doc->'$.batch_header') is not null
    union all
    select _line, _text, doc from documents
    where (doc->'$.transaction_details') is null and (doc->'$.subscriptions') is null
        and ((doc->'$.batch_header') is null or (doc->'$.payout_item') is not null)
"""

#: "A transaction ID is not unique in the reporting system": two entries may share one, told apart by event code.
TRANSACTION = """
    select _line, _text, json_merge_patch(doc, json_object('id', (info->>'$.transaction_id') || '/'
        || (info->>'$.transaction_event_code'))) as doc
    from (select _line, _text, doc, doc->'$.transaction_info' as info from documents where _kind = 'transaction')
"""

#: The regular cycle of the plan is what the subscription costs after its trials.
SUBSCRIPTION = """
    select _line, _text, json_merge_patch(doc, json_object('regular_cycle', list_filter(
        from_json(doc->'$.plan.billing_cycles', '["JSON"]'), c -> (c->>'$.tenure_type') = 'REGULAR')[1])) as doc
    from documents where _kind = 'subscription'
"""

PAYOUT_ITEM = "select _line, _text, doc from documents where _kind = 'payout_item'"
