with source as (

    select * from {{ source('tabular', 'raw_tabular__payment') }}

),

renamed as (

    select
        workspace_id,
        payment_id,
        customer_id as tabular_customer_id,
        customer_email as email,
        paid_at,
        status,
        invoice_id,
        subscription_id,
        payment_method,
        failure_code,
        description,
        mapping_name,
        _record_key as entry_id,
        lower(currency) as currency,
        {{ to_minor('amount_value', 'currency') }} as amount_minor,
        {{ to_minor('fee_value', 'currency') }} as fee_minor,
        _load_seq
    from source

)

select * from renamed
