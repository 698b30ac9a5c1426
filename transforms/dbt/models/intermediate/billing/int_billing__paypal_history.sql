with subscriptions as (

    select
        *,
        {{ item_mrr('price_minor', 'quantity', 'interval_code', 'interval_count') }} as mrr_minor
    from {{ ref('stg_paypal__subscription') }}

),

began as (

    select
        workspace_id, subscription_id, payer_id, started_at as valid_from_at,
        case when status in ('approval_pending', 'approved') then 'incomplete' else 'active' end as status,
        currency, plan_id, quantity, mrr_minor, 1 as change_rank, 'began' as change_id
    from subscriptions

),

ended as (

    -- PayPal tells the present status and since when, not the history
    select
        workspace_id, subscription_id, payer_id, status_updated_at as valid_from_at,
        case when status = 'suspended' then 'paused' else 'canceled' end as status,
        currency, plan_id, quantity, mrr_minor, 2 as change_rank, 'ended' as change_id
    from subscriptions
    where status in ('cancelled', 'expired', 'suspended')

),

history as (

    select * from began
    union all
    select * from ended

)

select * from history
