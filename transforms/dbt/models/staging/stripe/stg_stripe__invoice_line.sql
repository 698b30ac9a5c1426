with source as (

    select * from {{ source('stripe', 'raw_stripe__invoice_line') }}

),

renamed as (

    select
        workspace_id,
        id as invoice_line_id,
        invoice_id,
        customer_id as stripe_customer_id,
        invoice_created_at,
        type as line_type,
        subscription_id,
        subscription_item_id,
        price_id,
        product_id,
        description,
        quantity,
        unit_amount_decimal,
        amount_minor,
        currency,
        is_proration,
        period_start_at,
        period_end_at,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
