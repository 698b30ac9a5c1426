with linked_intents as (

    -- since API version 2025-03-31 a charge finds its invoice only by way of the payment intent
    select workspace_id, payment_intent_id, {{ min_text('invoice_id') }} as invoice_id
    from {{ ref('stg_stripe__invoice_payment') }}
    where payment_intent_id is not null
    group by workspace_id, payment_intent_id

),

stripe as (

    select
        charges.workspace_id,
        'stripe' as provider,
        charges.charge_id as provider_payment_id,
        coalesce(charges.stripe_customer_id, invoices.stripe_customer_id) as provider_customer_id,
        coalesce(charges.invoice_id, linked_intents.invoice_id) as invoice_id,
        invoices.subscription_id,
        coalesce(charges.invoice_id, linked_intents.invoice_id) as collection_key,
        charges.created_at as paid_at,
        charges.status,
        charges.amount_minor,
        charges.currency,
        case when charges.status = 'failed' then 0 when bookings.currency = charges.currency then bookings.fee_minor end as fee_minor,
        case when charges.status = 'failed' then coalesce(charges.outcome_reason, charges.failure_code) end as failure_code,
        charges.payment_method_type as payment_method
    from {{ ref('stg_stripe__charge') }} as charges
    left join linked_intents
        on charges.workspace_id = linked_intents.workspace_id
        and charges.payment_intent_id = linked_intents.payment_intent_id
    left join {{ ref('stg_stripe__invoice') }} as invoices
        on charges.workspace_id = invoices.workspace_id
        and coalesce(charges.invoice_id, linked_intents.invoice_id) = invoices.invoice_id
    left join {{ ref('stg_stripe__balance_transaction') }} as bookings
        on charges.workspace_id = bookings.workspace_id
        and charges.balance_transaction_id = bookings.balance_transaction_id

),

paypal as (

    select
        transactions.workspace_id,
        'paypal' as provider,
        transactions.transaction_id as provider_payment_id,
        transactions.payer_id as provider_customer_id,
        transactions.invoice_id,
        subscriptions.subscription_id,
        -- PayPal numbers no cycles: what follows a success of the subscription is about the next one
        coalesce(transactions.invoice_id, subscriptions.subscription_id || '/' || cast(count(
            case when transactions.status in ('succeeded', 'reversed') then 1 end
        ) over (
            partition by transactions.workspace_id, subscriptions.subscription_id
            order by transactions.initiated_at, {{ bytewise('transactions.entry_id') }}
            rows between unbounded preceding and 1 preceding
        ) as {{ dbt.type_string() }})) as collection_key,
        transactions.initiated_at as paid_at,
        case transactions.status when 'reversed' then 'succeeded' else transactions.status end as status,
        transactions.amount_minor,
        transactions.currency,
        case when transactions.status = 'failed' then 0 else -transactions.fee_minor end as fee_minor,
        case when transactions.status = 'failed' then 'denied' end as failure_code,
        'paypal' as payment_method
    from {{ ref('stg_paypal__transaction') }} as transactions
    left join {{ ref('stg_paypal__subscription') }} as subscriptions
        on transactions.workspace_id = subscriptions.workspace_id
        and transactions.reference_id_type = 'SUB'
        and replace(transactions.reference_id, '-', '') = replace(subscriptions.subscription_id, '-', '')
    where {{ is_paypal_payment('transactions') }}

),

tabular as (

    select
        workspace_id,
        'tabular' as provider,
        payment_id as provider_payment_id,
        tabular_customer_id as provider_customer_id,
        invoice_id,
        cast(null as {{ dbt.type_string() }}) as subscription_id,
        invoice_id as collection_key,
        paid_at,
        status,
        amount_minor,
        currency,
        fee_minor,
        failure_code,
        payment_method
    from {{ ref('stg_tabular__payment') }}

),

attempts as (

    select * from stripe
    union all
    select * from paypal
    union all
    select * from tabular

)

select * from attempts
