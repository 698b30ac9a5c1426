with snapshots as (

    select * from {{ ref('int_customer__snapshot') }}

),

facts as (

    select
        workspace_id, customer_id, movement_date as day_date, amount_minor as mrr_change_minor,
        0 as failed_payments, 0 as paid_payments, 0 as refunds
    from {{ ref('fct_mrr_movement') }}
    union all
    select
        workspace_id, customer_id, payment_date, 0,
        case when status = 'failed' then 1 else 0 end, case when status = 'succeeded' then 1 else 0 end, 0
    from {{ ref('fct_payment') }}
    where customer_id is not null
    union all
    select workspace_id, customer_id, refund_date, 0, 0, 0, 1
    from {{ ref('fct_refund') }}
    where customer_id is not null
    union all
    select workspace_id, customer_id, snapshot_date, null, null, null, null
    from snapshots

),

windows as (

    select
        workspace_id,
        customer_id,
        day_date,
        failed_payments is null as is_snapshot,
        {{ sum_last_days('mrr_change_minor', 90) }} as mrr_change_90d_minor,
        {{ sum_last_days('failed_payments', 90) }} as failed_payments_90d,
        {{ sum_last_days('paid_payments', 90) }} as paid_payments_90d,
        {{ sum_last_days('refunds', 90) }} as refunds_90d,
        min(case when mrr_change_minor > 0 then day_date end) over (
            partition by workspace_id, customer_id order by day_date
            range between unbounded preceding and current row
        ) as first_paying_date,
        {{ last_day_with('mrr_change_minor <> 0') }} as last_change_date
    from facts

),

subscriptions as (

    select
        days.workspace_id,
        days.customer_id,
        days.day_date,
        max(plans.interval_count * case plans.interval_code when 'year' then 12 else 1 end) as interval_months,
        max(case when days.status = 'past_due' then 1 else 0 end) as past_due
    from {{ ref('fct_subscription_day') }} as days
    left join {{ ref('dim_plan') }} as plans
        on days.workspace_id = plans.workspace_id and days.plan_id = plans.plan_id
    where days.mrr_minor > 0
    group by days.workspace_id, days.customer_id, days.day_date

)

select
    snapshots.workspace_id,
    snapshots.customer_id,
    snapshots.event_timestamp,
    snapshots.event_timestamp as created_timestamp,
    snapshots.mrr_minor,
    windows.mrr_change_90d_minor,
    windows.failed_payments_90d,
    windows.paid_payments_90d,
    windows.refunds_90d,
    {{ days_between('windows.first_paying_date', 'snapshots.snapshot_date') }} as tenure_days,
    cast({{ div_floor(days_between('windows.last_change_date', 'snapshots.snapshot_date'), 30) }} as integer)
        as months_since_last_change,
    cast(coalesce(subscriptions.interval_months, 1) as integer) as interval_months,
    coalesce(subscriptions.past_due, 0) = 1 as is_past_due,
    snapshots.currency = 'usd' as currency_is_usd
from snapshots
inner join windows
    on
        snapshots.workspace_id = windows.workspace_id
        and snapshots.customer_id = windows.customer_id
        and snapshots.snapshot_date = windows.day_date
        and windows.is_snapshot
left join subscriptions
    on
        snapshots.workspace_id = subscriptions.workspace_id
        and snapshots.customer_id = subscriptions.customer_id
        and snapshots.snapshot_date = subscriptions.day_date
