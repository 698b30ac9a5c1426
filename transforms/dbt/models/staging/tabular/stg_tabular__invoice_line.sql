with source as (

    select * from {{ source('tabular', 'raw_tabular__invoice_line') }}

),

renamed as (

    select
        workspace_id,
        invoice_line_id,
        invoice_id,
        invoice_kind,
        customer_id as tabular_customer_id,
        customer_name,
        customer_email as email,
        line_at,
        item_code,
        description,
        quantity,
        country_name,
        country_code,
        mapping_name,
        _record_key as entry_id,
        lower(currency) as currency,
        {{ to_minor('amount_value', 'currency') }} as amount_minor,
        {{ to_minor('unit_amount_value', 'currency') }} as unit_amount_minor,
        _load_seq
    from source

)

select * from renamed
