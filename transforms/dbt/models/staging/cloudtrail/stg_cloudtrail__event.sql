with source as (

    select * from {{ source('cloudtrail', 'raw_cloudtrail__event') }}

),

renamed as (

    select
        workspace_id,
        id as cloudtrail_event_id,
        occurred_at,
        event_source,
        event_name,
        event_type,
        event_category,
        event_version,
        region,
        account_id,
        actor_type,
        actor_id,
        actor_principal_id,
        actor_account_id,
        actor_name,
        access_key_id,
        invoked_by,
        role_id,
        role_name,
        is_session_mfa,
        session_started_at,
        is_console_session,
        ip_address,
        user_agent,
        error_code,
        error_message,
        is_read_only,
        is_management,
        request_id,
        shared_event_id,
        vpc_endpoint_id,
        tls_version,
        request_parameters,
        response_elements,
        additional_event_data,
        resources,
        service_event_details,
        _load_seq
    from source

)

select * from renamed
