with intents as (

    select workspace_id, payment_intent_id, latest_charge_id, stripe_customer_id
    from {{ ref('stg_stripe__payment_intent') }}

),

stripe as (

    select
        refunds.workspace_id,
        refunds.refund_id,
        coalesce(refunds.charge_id, intents.latest_charge_id) as payment_id,
        coalesce(charges.stripe_customer_id, intents.stripe_customer_id) as provider_customer_id,
        'stripe' as provider,
        refunds.created_at as refunded_at,
        refunds.amount_minor,
        refunds.currency,
        refunds.reason,
        coalesce(refunds.status, 'succeeded') as status,
        refunds.balance_transaction_id is not null as is_booked
    from {{ ref('stg_stripe__refund') }} as refunds
    left join intents
        on refunds.workspace_id = intents.workspace_id and refunds.payment_intent_id = intents.payment_intent_id
    left join {{ ref('stg_stripe__charge') }} as charges
        on refunds.workspace_id = charges.workspace_id and refunds.charge_id = charges.charge_id

),

paypal as (

    select
        transactions.workspace_id,
        {{ paypal_entry_name('transactions') }} as refund_id,
        transactions.reference_id as payment_id,
        transactions.payer_id as provider_customer_id,
        'paypal' as provider,
        transactions.initiated_at as refunded_at,
        -transactions.amount_minor as amount_minor,
        transactions.currency,
        cast(null as {{ dbt.type_string() }}) as reason,
        transactions.status,
        true as is_booked
    from {{ ref('stg_paypal__transaction') }} as transactions
    where {{ is_paypal_refund('transactions') }}

),

refunds as (

    select * from stripe
    union all
    select * from paypal

),

resolved as (

    select
        refunds.workspace_id,
        refunds.refund_id,
        refunds.payment_id,
        identities.customer_id,
        refunds.provider,
        refunds.refunded_at,
        cast(refunds.refunded_at as date) as refund_date,
        refunds.amount_minor,
        refunds.currency,
        refunds.reason,
        refunds.status,
        refunds.is_booked
    from refunds
    left join {{ ref('int_identity__user') }} as identities
        on
            refunds.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and refunds.provider_customer_id = identities.source_id

)

select * from resolved
