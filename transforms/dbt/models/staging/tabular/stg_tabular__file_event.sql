with source as (

    select * from {{ source('tabular', 'raw_tabular__file_event') }}

),

renamed as (

    select
        workspace_id,
        _record_key as record_key,
        file_event_id as tabular_event_id,
        customer_id as tabular_customer_id,
        user_id,
        user_email as user_address,
        bucket_name,
        object_key,
        event,
        event_at,
        size_bytes,
        bytes_sent,
        status_code,
        ip_address,
        user_agent,
        mapping_name,
        attributes,
        lower(trim(user_email)) as user_email,
        _load_seq
    from source

)

select * from renamed
