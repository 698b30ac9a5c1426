{{ config(
    materialized='incremental', incremental_strategy='noted',
    unique_key=['workspace_id', 'card_transaction_id'], on_schema_change='append_new_columns'
) }}

with transactions as (

    select *
    from {{ ref('int_billing__card_transaction') }}

),

facts as (

    select
        transactions.workspace_id,
        transactions.card_transaction_id,
        transactions.provider,
        transactions.provider_transaction_id,
        identities.customer_id,
        transactions.provider_customer_id,
        transactions.card_id,
        transactions.terminal_id,
        transactions.merchant_id,
        transactions.transacted_at,
        cast(transactions.transacted_at as date) as transaction_date,
        transactions.amount_minor,
        transactions.currency,
        transactions.country_code,
        transactions.is_fraud,
        transactions.fraud_code
    from transactions
    left join {{ ref('int_identity__user') }} as identities
        on
            transactions.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and transactions.provider_customer_id = identities.source_id

)

{{ only_changed('facts', 'card_transaction_id', ['customer_id']) }}
