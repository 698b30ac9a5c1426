with events as (

    select *, 'tabular' as provider
    from {{ ref('stg_tabular__email_event') }}

)

select
    workspace_id,
    {{ key(['provider', 'record_key']) }} as email_event_id,
    provider,
    case
        when tabular_message_id is not null then {{ key(['provider', 'tabular_message_id', 'recipient_email', '1']) }}
    end as message_id,
    tabular_message_id as provider_message_id,
    recipient_email,
    tabular_customer_id as claimed_customer_id,
    campaign_id,
    arm_code,
    cast(null as text) as template_code,
    cast(null as text) as subject,
    {{ email_event_name('provider', 'event', 'null') }} as event,
    event_at,
    cast(null as timestamp) as message_sent_at,
    url,
    reason,
    user_agent,
    ip_address,
    case event when 'opened' then is_machine_open when 'clicked' then is_scanner_click end as is_flagged_machine,
    _load_seq
from events
