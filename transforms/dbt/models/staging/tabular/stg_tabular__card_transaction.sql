with source as (

    select * from {{ source('tabular', 'raw_tabular__card_transaction') }}

),

renamed as (

    select
        workspace_id,
        card_transaction_id,
        customer_id as tabular_customer_id,
        card_id,
        terminal_id,
        merchant_id,
        transacted_at,
        country_code,
        is_fraud,
        fraud_code,
        mapping_name,
        attributes,
        _record_key as record_key,
        lower(currency) as currency,
        {{ to_minor('amount_value', 'currency') }} as amount_minor,
        _load_seq
    from source

)

select * from renamed
