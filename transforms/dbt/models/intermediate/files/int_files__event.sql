{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'file_event_id'],
    on_schema_change='append_new_columns'
) }}

with s3 as (

    select
        workspace_id,
        {{ key(["'s3'", 'access_log_id']) }} as file_event_id,
        's3' as provider,
        request_id as provider_event_id,
        bucket_name,
        object_key,
        {{ s3_event('operation') }} as event,
        operation,
        requested_at as event_at,
        -- tenants/<customer>/<user>/<file>, written by somebody whose session carries the user's name
        case when object_key like 'tenants/%/%' then nullif(split_part(object_key, '/', 2), '') end
            as named_customer_id,
        case when requester like '%:assumed-role/%/%' then nullif(split_part(requester, '/', 3), '') end as user_id,
        cast(null as text) as user_email,
        size_bytes,
        coalesce(bytes_sent, 0) as bytes_sent,
        status_code,
        ip_address,
        user_agent,
        _load_seq
    from {{ ref('stg_s3__access_log') }}
    where {{ is_incoming('s3') }}

),

tabular as (

    select
        workspace_id,
        {{ key(["'tabular'", 'record_key']) }} as file_event_id,
        'tabular' as provider,
        record_key as provider_event_id,
        bucket_name,
        object_key,
        event,
        event as operation,
        event_at,
        tabular_customer_id as named_customer_id,
        user_id,
        lower(trim(user_email)) as user_email,
        size_bytes,
        coalesce(bytes_sent, 0) as bytes_sent,
        status_code,
        ip_address,
        user_agent,
        _load_seq
    from {{ ref('stg_tabular__file_event') }}
    where {{ is_incoming('tabular') }}

)

select * from s3
union all
select * from tabular
