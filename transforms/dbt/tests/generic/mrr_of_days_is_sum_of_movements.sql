{# MRR of the last day of the data, summed over subscriptions, equals the sum of all movements: by customer and currency. #}
{% test mrr_of_days_is_sum_of_movements(model, days, clock) %}
with by_day as (
    select days.workspace_id, days.customer_id, days.currency, sum(days.mrr_minor) as mrr_minor
    from {{ days }} as days
    inner join {{ clock }} as clock on days.workspace_id = clock.workspace_id and days.day_date = clock.as_of_date
    group by days.workspace_id, days.customer_id, days.currency
),

by_movement as (
    select workspace_id, customer_id, currency, sum(amount_minor) as mrr_minor
    from {{ model }}
    group by workspace_id, customer_id, currency
)

select
    coalesce(by_day.workspace_id, by_movement.workspace_id) as workspace_id,
    coalesce(by_day.customer_id, by_movement.customer_id) as customer_id,
    by_day.mrr_minor as of_days,
    by_movement.mrr_minor as of_movements
from by_day
full outer join by_movement
    on by_day.workspace_id = by_movement.workspace_id
    and by_day.customer_id = by_movement.customer_id
    and by_day.currency = by_movement.currency
where coalesce(by_day.mrr_minor, 0) <> coalesce(by_movement.mrr_minor, 0)
{% endtest %}
