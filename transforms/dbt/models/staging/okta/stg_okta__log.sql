with source as (

    select * from {{ source('okta', 'raw_okta__log') }}

),

renamed as (

    select
        workspace_id,
        id as okta_log_id,
        published_at as logged_at,
        event_type,
        display_message,
        severity,
        outcome_result,
        outcome_reason,
        actor_id,
        actor_type,
        actor_login,
        actor_name,
        target_id,
        target_type,
        target_login,
        target_name,
        second_target_id,
        second_target_type,
        second_target_name,
        targets,
        ip_address,
        user_agent,
        browser,
        operating_system,
        device,
        zone,
        country as country_name,
        city,
        latitude,
        longitude,
        credential_type,
        credential_provider,
        authentication_provider,
        is_proxy,
        isp,
        as_org,
        transaction_id,
        transaction_type,
        legacy_event_type,
        debug_data,
        nullif(session_id, 'unknown') as session_id,
        _load_seq
    from source

)

select * from renamed
