with events as (

    select
        *,
        'ses' as provider,
        case
            when provider_event = 'Bounce' then bounce_type
            when provider_event = 'Complaint' then complaint_feedback_type
            -- preferences that opt out of nothing are no unsubscription
            when provider_event = 'Subscription' and not coalesce(
                is_unsubscribed_from_all or topic_preferences like '%OptOut%', true
            ) then 'in'
        end as provider_subtype
    from {{ ref('stg_email_events__ses_event') }}

)

-- SES does not say who of several recipients opened: such an event belongs to no message of one recipient
{{ as_email_event('events', 'ses_event_id', own={
    'message_sent_at': "mail_sent_at",
    'reason': "coalesce(diagnostic_code, reject_reason, failure_message, delay_type, complaint_feedback_type, bounce_sub_type)",
    'is_flagged_machine': "cast(null as boolean)",
}) }}
