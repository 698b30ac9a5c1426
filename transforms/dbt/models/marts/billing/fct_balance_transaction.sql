with stripe as (

    select
        workspace_id,
        balance_transaction_id,
        'stripe' as provider,
        balance_type as kind,
        source_id,
        created_at as booked_at,
        amount_minor,
        fee_minor,
        net_minor,
        currency
    from {{ ref('stg_stripe__balance_transaction') }}

),

paypal as (

    select
        transactions.workspace_id,
        transactions.entry_id as balance_transaction_id,
        'paypal' as provider,
        case
            when {{ is_paypal_payment('transactions') }} then 'charge'
            when {{ is_paypal_refund('transactions') }} then 'refund'
            when transactions.event_code = 'T0001' then 'payout'
            else 'other'
        end as kind,
        transactions.transaction_id as source_id,
        transactions.initiated_at as booked_at,
        transactions.amount_minor,
        coalesce(-transactions.fee_minor, 0) as fee_minor,
        transactions.amount_minor + coalesce(transactions.fee_minor, 0) as net_minor,
        transactions.currency
    from {{ ref('stg_paypal__transaction') }} as transactions
    -- only what was done moved money
    where transactions.status in ('succeeded', 'reversed')

),

bookings as (

    select * from stripe
    union all
    select * from paypal

),

dated as (

    select
        workspace_id,
        balance_transaction_id,
        provider,
        kind,
        source_id,
        booked_at,
        cast(booked_at as date) as booked_date,
        amount_minor,
        fee_minor,
        net_minor,
        currency
    from bookings

)

select * from dated
