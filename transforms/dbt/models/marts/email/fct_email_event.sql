{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'email_event_id'],
    on_schema_change='append_new_columns'
) }}

with events as (

    select *
    from {{ ref('int_email__event') }}
    where
        {{ is_pending(
            by={'email_event_id': [ref('int_email__event')], 'recipient_email': [ref('int_email__recipient')]},
            whole=[ref('int_identity__user')]
        ) }}

),

facts as (

    select
        events.workspace_id,
        events.email_event_id,
        events.message_id,
        events.provider,
        coalesce(recipients.customer_id, by_name.customer_id) as customer_id,
        events.recipient_email,
        {{ email_domain('events.recipient_email') }} as recipient_domain,
        events.campaign_id,
        events.event,
        events.event_at,
        cast(events.event_at as date) as event_date,
        events.is_machine_open,
        events.is_scanner_click,
        events.url,
        events.reason,
        events.user_agent
    from events
    left join {{ ref('int_email__recipient') }} as recipients
        on events.workspace_id = recipients.workspace_id and events.recipient_email = recipients.recipient_email
    left join {{ ref('int_identity__user') }} as by_name
        on
            events.workspace_id = by_name.workspace_id
            and by_name.source = 'account'
            and events.claimed_customer_id = by_name.source_id

)

{{ only_changed('facts', 'email_event_id', ['customer_id', 'is_machine_open', 'is_scanner_click']) }}
