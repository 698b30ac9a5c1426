with source as (

    select * from {{ source('stripe', 'raw_stripe__invoice_payment') }}

),

renamed as (

    select
        workspace_id,
        id as invoice_payment_id,
        invoice_id,
        payment_type,
        payment_intent_id,
        charge_id,
        status,
        is_default,
        amount_requested_minor,
        amount_paid_minor,
        currency,
        created_at,
        paid_at,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
