with source as (

    select * from {{ source('stripe', 'raw_stripe__subscription_item') }}

),

renamed as (

    select
        workspace_id,
        id as item_id,
        subscription_id,
        created_at,
        price_id,
        product_id,
        quantity,
        unit_amount_minor,
        unit_amount_decimal,
        currency,
        interval_code,
        interval_count,
        usage_type,
        current_period_start_at,
        current_period_end_at,
        _load_seq
    from source

)

select * from renamed
