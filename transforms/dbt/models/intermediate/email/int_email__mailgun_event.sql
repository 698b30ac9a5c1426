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

select
    workspace_id,
    {{ key(['provider', 'mailgun_event_id']) }} as email_event_id,
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
    template_code as template_code,
    subject,
    {{ email_event_name('provider', 'provider_event', 'provider_subtype') }} as event,
    event_at,
    cast(null as timestamp) as message_sent_at,
    url,
    case when provider_event in ('failed', 'rejected') then coalesce(diagnostic, description, reason_code) end as reason,
    user_agent,
    ip_address as ip_address,
    case when provider_event in ('opened', 'clicked') and nullif(bot_name, '') is not null then true end as is_flagged_machine,
    _load_seq
from events
