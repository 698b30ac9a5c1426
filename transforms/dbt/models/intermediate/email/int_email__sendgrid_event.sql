with posted as (

    select * from {{ ref('stg_email_events__sendgrid_event') }}

),

-- what the webhook has brought too is left to it: they are the same events
listed as (

    select logged.*
    from {{ ref('stg_email_events__sendgrid_log_event') }} as logged
    left join posted
        on logged.workspace_id = posted.workspace_id and logged.sendgrid_event_id = posted.sendgrid_event_id
    where posted.sendgrid_event_id is null

),

events as (

    select *, 'sendgrid' as provider from posted
    union all
    select *, 'sendgrid' as provider from listed

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
