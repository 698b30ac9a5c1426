with stripe_ids as (

    select workspace_id, stripe_customer_id
    from {{ ref('stg_stripe__subscription') }}
    union
    select workspace_id, stripe_customer_id
    from {{ ref('stg_stripe__subscription_change') }}
    union
    select workspace_id, stripe_customer_id
    from {{ ref('stg_stripe__invoice') }}
    union
    select workspace_id, stripe_customer_id
    from {{ ref('stg_stripe__charge') }}

),

tabular_ids as (

    select workspace_id, tabular_customer_id, cast(null as {{ dbt.type_string() }}) as customer_name, email
    from {{ ref('stg_tabular__payment') }}
    union
    select workspace_id, tabular_customer_id, customer_name, email
    from {{ ref('stg_tabular__invoice_line') }}
    {%- for fact in ['card_transaction', 'login', 'file_event', 'email_event', 'email_message'] %}
        union
        select workspace_id, tabular_customer_id, null, null
        from {{ ref('stg_tabular__' ~ fact) }}
    {%- endfor %}

),

paypal_payers as (

    select workspace_id, payer_id, payer_name, payer_email, country_code, currency, started_at as seen_at
    from {{ ref('stg_paypal__subscription') }}
    union all
    -- who gets a payout is no customer
    select transactions.workspace_id, payer_id, payer_name, payer_email, country_code, currency, initiated_at as seen_at
    from {{ ref('stg_paypal__transaction') }} as transactions
    where {{ is_paypal_payment('transactions') }} or {{ is_paypal_refund('transactions') }}

),

found as (

    -- ids that only facts name come with no attributes: a customer record may land later than its facts
    select
        workspace_id, 'stripe' as source, stripe_customer_id as source_id, customer_name as name, email,
        country_code, currency, created_at
    from {{ ref('stg_stripe__customer') }}
    union all
    select workspace_id, 'stripe', stripe_customer_id, null, null, null, null, null
    from stripe_ids
    union all
    select workspace_id, 'tabular', tabular_customer_id, customer_name, email, country_code, currency, created_at
    from {{ ref('stg_tabular__customer') }}
    union all
    select workspace_id, 'tabular', tabular_customer_id, customer_name, email, null, null, null
    from tabular_ids
    union all
    select workspace_id, provider, claimed_customer_id, organization_name, null, null, null, created_at
    from {{ ref('int_identity__provider_user') }}
    union all
    select workspace_id, 'paypal', payer_id, payer_name, payer_email, country_code, currency, seen_at
    from paypal_payers

),

records as (

    select
        workspace_id,
        source,
        source_id,
        source || ':' || source_id as record_key,
        {{ min_text('name') }} as name,
        {{ min_text('email') }} as email,
        {{ min_text('country_code') }} as country_code,
        {{ min_text('currency') }} as currency,
        min(created_at) as created_at
    from found
    where source_id is not null
    group by workspace_id, source, source_id

)

select * from records
