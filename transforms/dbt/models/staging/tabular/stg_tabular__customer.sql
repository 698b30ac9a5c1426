with source as (

    select * from {{ source('tabular', 'raw_tabular__customer') }}

),

renamed as (

    select
        workspace_id,
        customer_id as tabular_customer_id,
        name as customer_name,
        email,
        country_name,
        country_code,
        created_at,
        mapping_name,
        attributes,
        lower(currency) as currency,
        _landed_at as landed_at,
        _load_seq
    from source

)

select * from renamed
