with events as (

    select
        *,
        'postmark' as provider,
        case when provider_event = 'SubscriptionChange' then suppression_reason else bounce_type end as provider_subtype
    from {{ ref('stg_email_events__postmark_event') }}

)

{{ as_email_event('events', 'postmark_event_id', own={
    'template_code': "cast(null as text)",
    'message_sent_at': "cast(null as timestamp)",
    'reason': "case when provider_event in ('Bounce', 'SpamComplaint') then coalesce(details, description, bounce_type) end",
    'ip_address': "cast(null as text)",
    'is_flagged_machine': "cast(null as boolean)",
}) }}
