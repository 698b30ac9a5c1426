with source as (

    select * from {{ source('paypal', 'raw_paypal__transaction') }}

),

renamed as (

    select
        workspace_id,
        id as entry_id,
        transaction_id,
        reference_id,
        reference_id_type,
        event_code,
        initiated_at,
        updated_at,
        invoice_id,
        subject,
        note,
        instrument_type,
        counterparty_id,
        payer_email,
        payer_status,
        payer_country_code as country_code,
        coalesce(payer_id, {{ normalise_email('payer_email') }}) as payer_id,
        coalesce(payer_full_name, nullif(concat_ws(' ', payer_given_name, payer_surname), '')) as payer_name,
        nullif(trim(custom_field), '') as custom_id,
        case status
            when 'S' then 'succeeded' when 'P' then 'pending' when 'D' then 'failed' when 'V' then 'reversed'
            else lower(status)
        end as status,
        lower(amount_currency_code) as currency,
        {{ to_minor('amount_value', 'amount_currency_code') }} as amount_minor,
        {{ to_minor('fee_value', 'fee_currency_code') }} as fee_minor,
        _load_seq
    from source

)

select * from renamed
