-- A month opens with the MRR that the month before closed with.
select workspace_id, month_date, currency, observed, expected
from (
    select workspace_id, month_date, currency, opening_minor as observed,
        coalesce(lag(closing_minor) over (partition by workspace_id, currency order by month_date), 0) as expected
    from marts.fct_mrr_month
) as m
where observed <> expected
