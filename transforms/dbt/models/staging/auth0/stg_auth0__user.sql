with source as (

    select * from {{ source('auth0', 'raw_auth0__user') }}

),

renamed as (

    select
        workspace_id,
        id as auth0_user_id,
        email,
        coalesce(is_email_verified, false) as is_email_verified,
        username,
        phone_number,
        name as display_name,
        given_name,
        family_name,
        nickname,
        created_at,
        updated_at,
        last_login_at,
        password_changed_at,
        last_ip_address,
        login_count,
        coalesce(is_blocked, false) as is_blocked,
        customer_id as claimed_customer_id,
        organization_name,
        user_type,
        identities,
        multifactor,
        app_metadata,
        user_metadata,
        {{ normalise_email('email') }} as normalised_email,
        _load_seq
    from source

)

select * from renamed
