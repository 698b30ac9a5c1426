"""How Auth0's objects are told apart, and what an operation of its Management API changed: SQL over `documents`.

Belongs here: what a document is, envelopes of log streams, ids inside paths. Does not belong here: columns (contract.py).
"""

from __future__ import annotations

from orchestration.lib.json_sql import elements

#: A search that was asked for totals writes its users or logs into a page; a log stream wraps each event.
UNWRAP = f"""
    select _line, _text, {elements("doc.users")} as doc from documents where json_type(doc, '$.users') = 'ARRAY'
    union all
    select _line, _text, {elements("doc.logs")} from documents where json_type(doc, '$.logs') = 'ARRAY'
    union all
    select _line, _text, json_merge_patch(doc->'$.data', json_object('log_id', doc->'$.log_id')) from documents
    where json_type(doc, '$.data') = 'OBJECT' and (doc->'$.log_id') is not null
    union all
    select _line, _text, doc from documents
    where coalesce(json_type(doc, '$.users'), '') <> 'ARRAY' and coalesce(json_type(doc, '$.logs'), '') <> 'ARRAY'
        and not (coalesce(json_type(doc, '$.data'), '') = 'OBJECT' and (doc->'$.log_id') is not null)
"""

#: Events bear a type and an id of their own; users bear neither.
KIND = """case
    when (doc->'$.type') is not null and ((doc->'$.log_id') is not null or (doc->'$._id') is not null) then 'log'
    when (doc->'$.user_id') is not null and (doc->'$.identities') is not null then 'user'
    when (doc->'$.user_id') is not null and (doc->'$.created_at') is not null then 'user' end"""

#: `log_id` is what the API pages by; old exports have `_id` only. Operations name their user inside a path, where
#: the bar of `auth0|…` is written %7C.
LOG = r"""
    select _line, _text, json_merge_patch(doc, json_object(
        'log_id', coalesce(doc->>'$.log_id', doc->>'$._id'),
        'path', doc->>'$.details.request.path',
        'path_user_id', nullif(replace(replace(
            regexp_extract(coalesce(doc->>'$.details.request.path', ''), '/users/([^/?]+)', 1), '%7C', '|'), '%7c', '|'), '')
    )) as doc
    from documents where _kind = 'log'
"""
#: Where companies write whose user it is: both spellings, in what the application may write and the user may not.
USER = """
    select _line, _text, json_merge_patch(doc, json_object(
        'customer_id', coalesce(doc->>'$.app_metadata.customerId', doc->>'$.app_metadata.customer_id',
            doc->>'$.app_metadata.stripe_customer_id'),
        'organization', coalesce(doc->>'$.app_metadata.organization', doc->>'$.app_metadata.company'))) as doc
    from documents where _kind = 'user'
"""
