with source as (

    select * from {{ source('stripe', 'raw_stripe__balance_transaction') }}

),

renamed as (

    select
        workspace_id,
        id as balance_transaction_id,
        created_at,
        available_at,
        type as balance_type,
        reporting_category,
        source_id,
        amount_minor,
        fee_minor,
        net_minor,
        currency,
        exchange_rate,
        status,
        description,
        _load_seq
    from source

)

select * from renamed
