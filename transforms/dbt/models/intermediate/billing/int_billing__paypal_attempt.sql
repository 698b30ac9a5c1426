with attempts as (

    select
        transactions.workspace_id,
        'paypal' as provider,
        {{ paypal_entry_name('transactions') }} as provider_payment_id,
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
        on
            transactions.workspace_id = subscriptions.workspace_id
            and transactions.reference_id_type = 'SUB'
            and replace(transactions.reference_id, '-', '') = replace(subscriptions.subscription_id, '-', '')
    where {{ is_paypal_payment('transactions') }}

)

select * from attempts
