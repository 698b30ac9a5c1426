"""How events of SES, SendGrid, Mailgun and Postmark become records: SQL over `documents`.

Belongs here: envelopes, recipients, keys that SES leaves to the reader.
Does not belong here: columns (contract.py), what an event means in the common vocabulary (dbt staging).
"""

from __future__ import annotations

from orchestration.lib.json_sql import elements

KIND = """case
    when (doc->'$.mail') is not null and coalesce(doc->'$.eventType', doc->'$.notificationType') is not null then 'ses'
    when (doc->'$.sg_message_id') is not null and (doc->'$.events') is not null then 'sendgrid_log'
    when (doc->'$.sg_event_id') is not null then 'sendgrid'
    when (doc->'$.event') is not null and (doc->'$.email') is not null then 'sendgrid'
    when (doc->'$.event') is not null and (doc->'$.timestamp') is not null then 'mailgun'
    when (doc->'$.RecordType') is not null and (doc->'$.MessageID') is not null then 'postmark' end"""

#: SNS wraps a record as text: {"Type": "Notification", "Message": "{…}"}; EventBridge puts it into `detail`, Mailgun's
#: webhook into `event-data`. Mailgun's events API answers {"items": […], "paging": {…}}.
UNWRAP = f"""
    select _line, _text, case
        when (doc->>'$.Type') = 'Notification' and json_valid(doc->>'$.Message') then cast(doc->>'$.Message' as json)
        when (doc->>'$.source') = 'aws.ses' and (doc->'$.detail') is not null then doc->'$.detail'
        when (doc->'$."event-data"') is not null then doc->'$."event-data"'
        else doc end as doc
    from documents
    where (doc->'$.items') is null or (doc->'$.paging') is null
    union all
    select _line, _text, {elements("doc.items")} as doc from documents where (doc->'$.paging') is not null
"""

_DETAIL = """case kind
    when 'Bounce' then doc->'$.bounce' when 'Complaint' then doc->'$.complaint' when 'Delivery' then doc->'$.delivery'
    when 'Open' then doc->'$.open' when 'Click' then doc->'$.click' when 'DeliveryDelay' then doc->'$.deliveryDelay'
    when 'Subscription' then doc->'$.subscription' when 'Reject' then doc->'$.reject' when 'Send' then doc->'$.send'
    when 'Rendering Failure' then doc->'$.failure' end"""

#: Recipients that the event speaks of. SES names them where they may differ; an open or click of a message to
#: several people could be anybody's.
_RECIPIENTS = """case
    when kind = 'Bounce' then list_transform(
        from_json(detail->'$.bouncedRecipients', '["JSON"]'), r -> {'email': r->>'$.emailAddress', 'r': r})
    when kind = 'Complaint' then list_transform(
        from_json(detail->'$.complainedRecipients', '["JSON"]'), r -> {'email': r->>'$.emailAddress', 'r': r})
    when kind = 'DeliveryDelay' then list_transform(
        from_json(detail->'$.delayedRecipients', '["JSON"]'), r -> {'email': r->>'$.emailAddress', 'r': r})
    when kind = 'Delivery' then list_transform(
        from_json(detail->'$.recipients', '["VARCHAR"]'), r -> {'email': r, 'r': null::json})
    when kind in ('Open', 'Click', 'Subscription') and json_array_length(doc->'$.mail.destination') > 1 then null
    else list_transform(from_json(doc->'$.mail.destination', '["VARCHAR"]'), r -> {'email': r, 'r': null::json}) end"""

#: SES gives events no id, and SNS delivers at least once: message, kind, time, recipient, and what was opened with
#: what from where name one occurrence. Two that agree in all of these to the millisecond are one.
SES_EVENT = f"""
    select _line, _text, json_merge_patch(doc, json_object(
        'id', md5(concat_ws('|', doc->>'$.mail.messageId', kind, said_at, recipient.email,
            detail->>'$.link', detail->>'$.ipAddress', detail->>'$.userAgent')),
        'kind', kind, 'eventType', null, 'notificationType', null, 'at', said_at,
        'recipient', recipient.email, 'recipient_detail', recipient.r,
        'agent', detail->'$.userAgent', 'address', detail->'$.ipAddress')) as doc
    from (
        select *, coalesce(detail->>'$.timestamp', doc->>'$.mail.timestamp') as said_at,
            unnest(case when len(recipients) > 0 then recipients else [null] end) as recipient
        from (
            select *, {_RECIPIENTS} as recipients
            from (
                select *, {_DETAIL} as detail
                from (
                    select _line, _text, doc, coalesce(doc->>'$.eventType', doc->>'$.notificationType') as kind
                    from documents where _kind = 'ses'
                )
            )
        )
    )
"""

SENDGRID_EVENT = "select _line, _text, doc from documents where _kind = 'sendgrid'"

#: The Email Logs answer by the message. Event `received` is of the request to send, which may stand for many messages.
SENDGRID_LOG_EVENT = f"""
    select _line, _text, json_merge_patch(event, json_object(
        'email', coalesce(nullif(event->>'$.email', ''), message->>'$.to_email'),
        'sg_message_id', coalesce(event->>'$.sg_message_id', message->>'$.sg_message_id'),
        'subject', message->>'$.subject', 'template_id', nullif(message->>'$.template_id', ''),
        'category', coalesce(event->'$.category', message->'$.category'),
        'custom_args', coalesce(event->'$.custom_args', message->'$.custom_args'))) as doc
    from (
        select _line, _text, doc as message, {elements("doc.events")} as event
        from documents where _kind = 'sendgrid_log'
    )
    where (event->>'$.event') is distinct from 'received'
"""

#: Mailgun promises that an id is unique within a day.
MAILGUN_EVENT = """
    select _line, _text, json_merge_patch(doc, json_object(
        'key', strftime(make_timestamp(cast(cast(doc->>'$.timestamp' as double) * 1000000 as bigint)), '%Y-%m-%d')
            || '/' || (doc->>'$.id'))) as doc
    from documents where _kind = 'mailgun'
"""

#: Postmark names the time of each kind of event differently, and gives an id to bounces and complaints alone: of the others
#: message, kind, time, recipient, link and user agent make one.
POSTMARK_EVENT = """
    select _line, _text, json_merge_patch(doc, json_object(
        'key', md5(concat_ws('|', doc->>'$.MessageID', doc->>'$.RecordType', said_at, recipient, doc->>'$.ID',
            doc->>'$.OriginalLink', doc->>'$.UserAgent')),
        'at', said_at, 'person', recipient, 'BouncedAt', null, 'DeliveredAt', null, 'ChangedAt', null, 'ReceivedAt', null,
        'Recipient', null, 'Email', null)) as doc
    from (
        select *, coalesce(doc->>'$.BouncedAt', doc->>'$.DeliveredAt', doc->>'$.ChangedAt', doc->>'$.ReceivedAt') as said_at,
            coalesce(doc->>'$.Recipient', doc->>'$.Email') as recipient
        from documents where _kind = 'postmark'
    )
"""
