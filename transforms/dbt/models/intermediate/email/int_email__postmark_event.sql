with events as (

    select
        *,
        'postmark' as provider,
        case when provider_event = 'SubscriptionChange' then suppression_reason else bounce_type end as provider_subtype
    from {{ ref('stg_email_events__postmark_event') }}

)

select
    workspace_id,
    {{ key(['provider', 'postmark_event_id']) }} as email_event_id,
    provider,
    case
        when provider_message_id is not null and recipient_email is not null
            then {{ key(['provider', 'provider_message_id', 'recipient_email']) }}
    end as message_id,
    provider_message_id,
    recipient_email,
    claimed_customer_id,
    campaign_id,
    arm_code,
    cast(null as text) as template_code,
    subject,
    {{ email_event_name('provider', 'provider_event', 'provider_subtype') }} as event,
    event_at,
    cast(null as timestamp) as message_sent_at,
    url,
    case when provider_event in ('Bounce', 'SpamComplaint') then coalesce(details, description, bounce_type) end as reason,
    user_agent,
    cast(null as text) as ip_address,
    cast(null as boolean) as is_flagged_machine,
    _load_seq
from events
