with source as (

    select * from {{ source('okta', 'raw_okta__user') }}

),

renamed as (

    select
        workspace_id,
        id as okta_user_id,
        status,
        created_at,
        activated_at,
        status_changed_at,
        last_login_at,
        updated_at,
        password_changed_at,
        login,
        email,
        second_email,
        first_name,
        last_name,
        display_name,
        title,
        department,
        user_type,
        organization_name,
        customer_id as claimed_customer_id,
        country_code,
        mobile_phone,
        credential_provider,
        factors,
        {{ normalise_email('coalesce(email, login)') }} as normalised_email,
        _load_seq
    from source

)

select * from renamed
