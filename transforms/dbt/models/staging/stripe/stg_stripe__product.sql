with source as (

    select * from {{ source('stripe', 'raw_stripe__product') }}

),

renamed as (

    select
        workspace_id,
        id as product_id,
        name as product_name,
        is_active,
        created_at,
        updated_at,
        default_price_id,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
