with found as (

    select
        workspace_id,
        event_id as item_set_id,
        item_id,
        price_id,
        quantity,
        {{ item_mrr('unit_amount_minor', 'quantity', 'interval_code', 'interval_count') }} as mrr_minor
    from {{ ref('stg_stripe__subscription_change_item') }}
    union all
    select
        workspace_id,
        subscription_id as item_set_id,
        item_id,
        price_id,
        quantity,
        {{ item_mrr('unit_amount_minor', 'quantity', 'interval_code', 'interval_count') }} as mrr_minor
    from {{ ref('stg_stripe__subscription_item') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by workspace_id, item_set_id
            order by mrr_minor desc, {{ bytewise('price_id') }}, {{ bytewise('item_id') }}
        ) as position
    from found

),

item_sets as (

    -- the plan of a subscription is its largest item; add-ons count in its MRR
    select
        workspace_id,
        item_set_id,
        max(case when position = 1 then price_id end) as plan_id,
        cast(max(case when position = 1 then quantity end) as bigint) as quantity,
        {{ sum_minor('mrr_minor') }} as mrr_minor
    from ranked
    group by workspace_id, item_set_id

)

select * from item_sets
