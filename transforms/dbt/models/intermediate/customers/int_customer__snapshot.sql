{{ config(materialized='table') }}

with workspaces as (

    select workspace_id, first_date, as_of_date
    from {{ ref('int_customer__workspace_day') }}

),

months as (

    select workspace_id, as_of_date, {{ days_from_to(month_of('first_date'), 'as_of_date', '1 month') }} as month_at
    from workspaces

),

days as (

    select workspace_id, {{ month_end_of('month_at') }} as snapshot_date
    from months
    where {{ month_end_of('month_at') }} < as_of_date
    union all
    select workspace_id, as_of_date as snapshot_date
    from workspaces

),

movements as (

    select
        workspace_id,
        customer_id,
        currency,
        movement_date,
        closing_mrr_minor,
        lead(movement_date) over (
            partition by workspace_id, customer_id, currency order by movement_date
        ) as next_movement_date
    from {{ ref('fct_mrr_movement') }}

),

states as (

    select
        movements.workspace_id,
        movements.customer_id,
        days.snapshot_date,
        movements.currency,
        movements.closing_mrr_minor as mrr_minor,
        row_number() over (
            partition by movements.workspace_id, movements.customer_id, days.snapshot_date
            order by movements.closing_mrr_minor desc, {{ bytewise('movements.currency') }}
        ) as position
    from movements
    inner join days
        on
            movements.workspace_id = days.workspace_id
            and movements.movement_date <= days.snapshot_date
            and (movements.next_movement_date is null or days.snapshot_date < movements.next_movement_date)
    where movements.closing_mrr_minor > 0

)

select
    workspace_id,
    customer_id,
    snapshot_date,
    cast(snapshot_date + interval '1 day' as timestamp) as event_timestamp,
    currency,
    mrr_minor
from states
where position = 1
