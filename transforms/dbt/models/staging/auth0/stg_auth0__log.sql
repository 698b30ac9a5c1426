with source as (

    select * from {{ source('auth0', 'raw_auth0__log') }}

),

renamed as (

    select
        workspace_id,
        id as auth0_log_id,
        logged_at,
        type as event_type,
        description,
        connection as connection_name,
        connection_id,
        client_id,
        client_name,
        ip_address,
        user_agent,
        nullif(user_id, '') as user_id,
        nullif(user_name, '') as user_name,
        strategy,
        strategy_type,
        audience,
        hostname,
        organization_id,
        organization_name,
        session_id,
        is_mobile,
        country_code,
        country_name,
        city,
        latitude,
        longitude,
        lower(request_method) as request_method,
        request_path,
        request_user_id,
        actor_id,
        actor_email,
        response_status_code,
        details,
        _load_seq
    from source

)

select * from renamed
