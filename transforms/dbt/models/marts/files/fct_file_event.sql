{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'file_event_id'],
    on_schema_change='append_new_columns'
) }}

with events as (

    select *
    from {{ ref('int_files__event') }}
    where {{ is_pending(by={'file_event_id': [ref('int_files__event')]}, whole=[ref('int_identity__user')]) }}

),

facts as (

    select
        events.workspace_id,
        events.file_event_id,
        events.provider,
        coalesce(by_name.customer_id, by_user.customer_id, by_email.customer_id) as customer_id,
        events.user_id,
        events.bucket_name,
        events.object_key,
        events.event,
        events.event_at,
        cast(events.event_at as date) as event_date,
        events.size_bytes,
        events.bytes_sent,
        events.status_code,
        events.ip_address,
        events.user_agent
    from events
    left join {{ ref('int_identity__user') }} as by_name
        on
            events.workspace_id = by_name.workspace_id
            and by_name.source = 'account'
            and events.named_customer_id = by_name.source_id
    left join {{ ref('int_identity__user') }} as by_user
        on events.workspace_id = by_user.workspace_id and by_user.source = 'user' and events.user_id = by_user.source_id
    left join {{ ref('int_identity__user') }} as by_email
        on
            events.workspace_id = by_email.workspace_id
            and by_email.source = 'email'
            and {{ normalise_email('events.user_email') }} = by_email.source_id

)

{{ only_changed('facts', 'file_event_id', ['customer_id']) }}
