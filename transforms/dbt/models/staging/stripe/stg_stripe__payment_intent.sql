with source as (

    select * from {{ source('stripe', 'raw_stripe__payment_intent') }}

),

renamed as (

    select
        workspace_id,
        id as payment_intent_id,
        created_at,
        status,
        amount_minor,
        amount_received_minor,
        currency,
        customer_id as stripe_customer_id,
        invoice_id,
        latest_charge_id,
        payment_method_id,
        canceled_at,
        cancellation_reason,
        last_error_code,
        last_decline_code,
        setup_future_usage,
        description,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
