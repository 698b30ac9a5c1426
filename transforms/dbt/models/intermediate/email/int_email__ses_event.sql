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

select
    workspace_id,
    {{ key(['provider', 'ses_event_id']) }} as email_event_id,
    provider,
    -- SES does not say who of several recipients opened: such an event belongs to no message of one recipient
    case
        when recipient_email is not null then {{ key(['provider', 'provider_message_id', 'recipient_email']) }}
    end as message_id,
    provider_message_id,
    recipient_email,
    claimed_customer_id,
    campaign_id,
    arm_code,
    template_code,
    subject,
    {{ email_event_name('provider', 'provider_event', 'provider_subtype') }} as event,
    event_at,
    mail_sent_at as message_sent_at,
    url,
    coalesce(
        diagnostic_code, reject_reason, failure_message, delay_type, complaint_feedback_type, bounce_sub_type
    ) as reason,
    user_agent,
    ip_address,
    cast(null as boolean) as is_flagged_machine,
    _load_seq
from events
