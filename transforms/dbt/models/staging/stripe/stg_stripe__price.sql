with source as (

    select * from {{ source('stripe', 'raw_stripe__price') }}

),

renamed as (

    select
        workspace_id,
        id as price_id,
        product_id,
        nickname as price_name,
        lookup_key,
        is_active,
        created_at,
        currency,
        billing_scheme,
        type as price_type,
        unit_amount_minor,
        unit_amount_decimal,
        interval_code,
        interval_count,
        usage_type,
        tax_behavior,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
