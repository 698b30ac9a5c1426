with source as (

    select * from {{ source('stripe', 'raw_stripe__refund') }}

),

renamed as (

    select
        workspace_id,
        id as refund_id,
        created_at,
        amount_minor,
        currency,
        status,
        reason,
        charge_id,
        payment_intent_id,
        balance_transaction_id,
        failure_reason,
        _load_seq
    from source

)

select * from renamed
