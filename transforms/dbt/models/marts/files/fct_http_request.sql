{{ config(
    materialized='incremental', incremental_strategy='noted',
    unique_key=['workspace_id', 'http_request_id'], on_schema_change='append_new_columns'
) }}

with requests as (

    select *
    from {{ ref('int_files__http_request') }}

),

facts as (

    select
        requests.workspace_id,
        requests.http_request_id,
        requests.provider,
        by_email.customer_id,
        requests.user_name,
        requests.ip_address,
        requests.requested_at,
        cast(requests.requested_at as date) as request_date,
        requests.method,
        requests.url_path,
        requests.url_query,
        requests.protocol,
        requests.status_code,
        requests.bytes_sent,
        requests.referrer,
        requests.user_agent,
        requests.is_bot,
        requests.server_name
    from requests
    left join {{ ref('int_identity__user') }} as by_email
        on
            requests.workspace_id = by_email.workspace_id
            and by_email.source = 'email'
            and {{ normalise_email('requests.user_name') }} = by_email.source_id

)

{{ only_changed('facts', 'http_request_id', ['customer_id']) }}
