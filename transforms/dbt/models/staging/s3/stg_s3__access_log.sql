with source as (

    select * from {{ source('s3', 'raw_s3__access_log') }}

),

renamed as (

    select
        workspace_id,
        id as access_log_id,
        request_id,
        requested_at,
        bucket_name,
        bucket_owner_id,
        ip_address,
        requester,
        operation,
        object_key,
        object_key_encoded,
        request_uri,
        status_code,
        error_code,
        bytes_sent,
        size_bytes,
        total_time_ms,
        turn_around_time_ms,
        referrer,
        user_agent,
        version_id,
        host_id,
        signature_version,
        cipher_suite,
        authentication_type,
        host_header,
        tls_version,
        access_point_arn,
        acl_required,
        source_region,
        _load_seq
    from source

)

select * from renamed
