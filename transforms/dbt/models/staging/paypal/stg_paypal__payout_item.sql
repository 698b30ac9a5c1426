with source as (

    select * from {{ source('paypal', 'raw_paypal__payout_item') }}

),

renamed as (

    select
        workspace_id,
        id as payout_item_id,
        payout_batch_id,
        transaction_id,
        status,
        receiver,
        recipient_type,
        sender_item_id,
        note,
        processed_at,
        error_code,
        batch_status,
        sender_batch_id,
        batch_created_at,
        batch_completed_at,
        lower(amount_currency_code) as currency,
        {{ to_minor('amount_value', 'amount_currency_code') }} as amount_minor,
        {{ to_minor('fee_value', 'fee_currency_code') }} as fee_minor,
        _load_seq
    from source

)

select * from renamed
