with events as (

    select *, 'sendgrid' as provider
    from {{ ref('stg_email_events__sendgrid_event') }}

)

select
    workspace_id,
    {{ key(['provider', 'sendgrid_event_id']) }} as email_event_id,
    provider,
    case
        when provider_message_id is not null then {{ key(['provider', 'provider_message_id', 'recipient_email']) }}
    end as message_id,
    provider_message_id,
    recipient_email,
    claimed_customer_id,
    coalesce(campaign_id, single_send_id) as campaign_id,
    arm_code,
    template_code,
    subject,
    {{ email_event_name('provider', 'provider_event', 'bounce_type') }} as event,
    event_at,
    cast(null as timestamp) as message_sent_at,
    url,
    coalesce(reason, case when provider_event = 'deferred' then response end) as reason,
    user_agent,
    ip_address,
    is_machine_open as is_flagged_machine,
    _load_seq
from events
