with source as (

    select * from {{ source('stripe', 'raw_stripe__dispute') }}

),

renamed as (

    select
        workspace_id,
        id as dispute_id,
        created_at,
        amount_minor,
        currency,
        status,
        reason,
        charge_id,
        payment_intent_id,
        is_charge_refundable,
        evidence_due_at,
        network_reason_code,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
