with source as (

    select * from {{ source('stripe', 'raw_stripe__subscription_change_item') }}

),

renamed as (

    select
        workspace_id,
        id as change_item_id,
        event_id,
        subscription_id,
        customer_id as stripe_customer_id,
        item_id,
        changed_at,
        price_id,
        product_id,
        quantity,
        unit_amount_minor,
        unit_amount_decimal,
        currency,
        interval_code,
        interval_count,
        usage_type,
        _load_seq
    from source

)

select * from renamed
