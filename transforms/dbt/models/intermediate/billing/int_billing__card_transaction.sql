{{ config(
    materialized='incremental', incremental_strategy='noted',
    unique_key=['workspace_id', 'card_transaction_id'], on_schema_change='append_new_columns'
) }}

with tabular as (

    select
        workspace_id,
        {{ key(["'tabular'", 'record_key']) }} as card_transaction_id,
        'tabular' as provider,
        record_key as provider_transaction_id,
        tabular_customer_id as provider_customer_id,
        card_id,
        terminal_id,
        merchant_id,
        transacted_at,
        amount_minor,
        currency,
        upper(country_code) as country_code,
        is_fraud,
        fraud_code,
        _load_seq
    from {{ ref('stg_tabular__card_transaction') }}
    where {{ is_incoming('tabular') }}

)

select * from tabular
