-- MRR at the end of a complete month is the sum over the subscriptions that count on its last day.
with days as (
    select workspace_id, currency, day_date, cast(sum(mrr_minor) as bigint) as mrr_minor
    from marts.fct_subscription_day
    group by 1, 2, 3
)
select m.workspace_id, m.month_date, m.currency, m.closing_minor as observed, coalesce(d.mrr_minor, 0) as expected
from marts.fct_mrr_month as m
inner join marts.dim_workspace as w on m.workspace_id = w.workspace_id
left join days as d
    on m.workspace_id = d.workspace_id and m.currency = d.currency
    and d.day_date = cast(m.month_date + interval '1 month' - interval '1 day' as date)
where m.month_date + interval '1 month' - interval '1 day' <= w.as_of_date
    and m.closing_minor <> coalesce(d.mrr_minor, 0)
