with source as (

    select * from {{ source('http_access', 'raw_http_access__request') }}

),

renamed as (

    select
        workspace_id,
        ip_address,
        user_name,
        requested_at,
        request_line,
        method,
        url_path,
        url_query,
        protocol,
        status_code,
        bytes_sent,
        referrer,
        user_agent,
        server_name,
        identity,
        later_fields,
        _record_key as record_key,
        _load_seq
    from source

)

select * from renamed
