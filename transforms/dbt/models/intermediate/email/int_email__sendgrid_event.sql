-- what the webhook has brought too is left to it: they are the same events
with listed as (

    select logged.*
    from {{ ref('stg_email_events__sendgrid_log_event') }} as logged
    left join {{ ref('stg_email_events__sendgrid_event') }} as posted
        on logged.workspace_id = posted.workspace_id and logged.sendgrid_event_id = posted.sendgrid_event_id
    where posted.sendgrid_event_id is null

),

-- the relation itself, not a name for it: what is named and read twice is made whole, whoever asks for how little of it
events as (

    select *, 'sendgrid' as provider from {{ ref('stg_email_events__sendgrid_event') }}
    union all
    select *, 'sendgrid' as provider from listed

)

{{ as_email_event('events', 'sendgrid_event_id', own={
    'provider_subtype': "bounce_type",
    'campaign_id': "coalesce(campaign_id, single_send_id)",
    'message_sent_at': "cast(null as timestamp)",
    'reason': "coalesce(reason, case when provider_event = 'deferred' then response end)",
    'is_flagged_machine': "is_machine_open",
}) }}
