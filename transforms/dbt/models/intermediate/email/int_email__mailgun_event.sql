with events as (

    select
        *,
        'mailgun' as provider,
        case
            when provider_event <> 'failed' then null
            when reason_code like 'suppress-%' then 'suppressed'
            when severity = 'temporary' then 'temporary'
            when bounce_type = 'soft' or reason_code = 'old' then 'soft'
            else 'hard'
        end as provider_subtype
    from {{ ref('stg_email_events__mailgun_event') }}

)

{{ as_email_event('events', 'mailgun_event_id', own={
    'message_sent_at': "cast(null as timestamp)",
    'reason': "case when provider_event in ('failed', 'rejected') then coalesce(diagnostic, description, reason_code) end",
    'is_flagged_machine': "case when provider_event in ('opened', 'clicked') and nullif(bot_name, '') is not null then true end",
}) }}
