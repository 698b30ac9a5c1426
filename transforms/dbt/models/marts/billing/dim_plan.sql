with stripe as (

    select
        prices.workspace_id,
        prices.price_id as plan_id,
        'stripe' as provider,
        products.product_name,
        coalesce(prices.price_name, products.product_name) as plan_name,
        prices.currency,
        prices.unit_amount_minor as amount_minor,
        prices.interval_code,
        prices.interval_count,
        prices.is_active
    from {{ ref('stg_stripe__price') }} as prices
    left join {{ ref('stg_stripe__product') }} as products
        on prices.workspace_id = products.workspace_id and prices.product_id = products.product_id

),

mentioned as (

    -- prices that only subscriptions name: archived ones, or ones whose export did not land
    select workspace_id, price_id, currency, unit_amount_minor, interval_code, interval_count, changed_at as seen_at
    from {{ ref('stg_stripe__subscription_change_item') }}
    union all
    select workspace_id, price_id, currency, unit_amount_minor, interval_code, interval_count, created_at as seen_at
    from {{ ref('stg_stripe__subscription_item') }}

),

missing as (

    select distinct on (mentioned.workspace_id, mentioned.price_id)
        mentioned.workspace_id, mentioned.price_id as plan_id, 'stripe' as provider,
        cast(null as {{ dbt.type_string() }}) as product_name, mentioned.price_id as plan_name,
        mentioned.currency, mentioned.unit_amount_minor as amount_minor,
        mentioned.interval_code, mentioned.interval_count, false as is_active
    from mentioned
    left join stripe on mentioned.workspace_id = stripe.workspace_id and mentioned.price_id = stripe.plan_id
    where stripe.plan_id is null and mentioned.price_id is not null
    order by
        mentioned.workspace_id, mentioned.price_id, mentioned.seen_at desc nulls last,
        mentioned.unit_amount_minor nulls last, {{ bytewise('mentioned.currency') }}

),

paypal as (

    select distinct on (workspace_id, plan_id)
        workspace_id, plan_id, 'paypal' as provider, cast(null as {{ dbt.type_string() }}) as product_name,
        coalesce(plan_name, plan_id) as plan_name, currency, price_minor as amount_minor,
        interval_code, interval_count, true as is_active
    from {{ ref('stg_paypal__subscription') }}
    where plan_id is not null
    order by workspace_id, plan_id, started_at desc nulls last, {{ bytewise('subscription_id') }}

),

plans as (

    select * from stripe
    union all
    select * from missing
    union all
    select * from paypal

),

with_mrr as (

    select
        workspace_id,
        plan_id,
        provider,
        product_name,
        plan_name,
        currency,
        amount_minor,
        interval_code,
        interval_count,
        {{ item_mrr('amount_minor', '1', 'interval_code', 'interval_count') }} as mrr_minor,
        is_active
    from plans

)

select * from with_mrr
