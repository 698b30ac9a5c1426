{{ config(
    materialized='incremental', incremental_strategy='noted',
    unique_key=['workspace_id', 'http_request_id'], on_schema_change='append_new_columns'
) }}

with http_access as (

    select
        workspace_id,
        {{ key(["'http_access'", 'record_key']) }} as http_request_id,
        'http_access' as provider,
        lower(user_name) as user_name,
        ip_address,
        requested_at,
        method,
        url_path,
        url_query,
        protocol,
        cast(status_code as integer) as status_code,
        coalesce(bytes_sent, 0) as bytes_sent,
        referrer,
        user_agent,
        {{ is_bot_agent('user_agent') }} as is_bot,
        server_name,
        _load_seq
    from {{ ref('stg_http_access__request') }}
    where {{ is_incoming('http_access') }}

)

select * from http_access
