with source as (

    select * from {{ source('tabular', 'raw_tabular__login') }}

),

renamed as (

    select
        workspace_id,
        _record_key as record_key,
        login_id as tabular_login_id,
        user_id,
        user_email as user_address,
        customer_id as tabular_customer_id,
        login_at,
        outcome,
        reason,
        ip_address,
        country_code,
        user_agent,
        is_mfa,
        mapping_name,
        attributes,
        lower(trim(user_email)) as user_email,
        _load_seq
    from source

)

select * from renamed
