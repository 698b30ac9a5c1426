with linked_intents as (

    -- since API version 2025-03-31 a charge finds its invoice only by way of the payment intent
    select workspace_id, payment_intent_id, {{ min_text('invoice_id') }} as invoice_id
    from {{ ref('stg_stripe__invoice_payment') }}
    where payment_intent_id is not null
    group by workspace_id, payment_intent_id

),

-- Stripe says `succeeded` of what the bank has only authorised; money moves once it is captured, all or a part of it
charges as (

    select
        *,
        case
            when status <> 'succeeded' or coalesce(amount_captured_minor > 0, is_captured, true) then status
            when is_refunded or amount_refunded_minor >= amount_minor then 'canceled'
            else 'pending'
        end as outcome
    from {{ ref('stg_stripe__charge') }}

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
        charges.outcome as status,
        case
            when charges.outcome = 'succeeded' then coalesce(charges.amount_captured_minor, charges.amount_minor)
            else charges.amount_minor
        end as amount_minor,
        charges.currency,
        case
            when charges.status = 'failed' then 0
            when bookings.currency = charges.currency then bookings.fee_minor
        end as fee_minor,
        case
            when charges.status = 'failed' then coalesce(charges.outcome_reason, charges.failure_code)
        end as failure_code,
        charges.payment_method_type as payment_method
    from charges
    left join linked_intents
        on
            charges.workspace_id = linked_intents.workspace_id
            and charges.payment_intent_id = linked_intents.payment_intent_id
    left join {{ ref('stg_stripe__invoice') }} as invoices
        on
            charges.workspace_id = invoices.workspace_id
            and coalesce(charges.invoice_id, linked_intents.invoice_id) = invoices.invoice_id
    left join {{ ref('stg_stripe__balance_transaction') }} as bookings
        on
            charges.workspace_id = bookings.workspace_id
            and charges.balance_transaction_id = bookings.balance_transaction_id

),

paypal as (

    select * from {{ ref('int_billing__paypal_attempt') }}

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

select * from attempts  -- noqa: AM04
