-- The movements of a month are the sums of its customers' daily movements.
with days as (
    select workspace_id, month_date, currency,
        cast(sum(case when movement = 'new' then amount_minor else 0 end) as bigint) as new_minor,
        cast(sum(case when movement = 'expansion' then amount_minor else 0 end) as bigint) as expansion_minor,
        cast(sum(case when movement = 'contraction' then amount_minor else 0 end) as bigint) as contraction_minor,
        cast(sum(case when movement = 'churn' then amount_minor else 0 end) as bigint) as churn_minor,
        cast(sum(case when movement = 'reactivation' then amount_minor else 0 end) as bigint) as reactivation_minor
    from marts.fct_mrr_movement
    group by 1, 2, 3
)
select coalesce(m.workspace_id, d.workspace_id) as workspace_id, coalesce(m.month_date, d.month_date) as month_date,
    coalesce(m.currency, d.currency) as currency,
    m.new_minor + m.expansion_minor + m.contraction_minor + m.churn_minor + m.reactivation_minor as observed,
    d.new_minor + d.expansion_minor + d.contraction_minor + d.churn_minor + d.reactivation_minor as expected
from marts.fct_mrr_month as m
full outer join days as d
    on m.workspace_id = d.workspace_id and m.month_date = d.month_date and m.currency = d.currency
where coalesce(m.new_minor, 0) <> coalesce(d.new_minor, 0)
    or coalesce(m.expansion_minor, 0) <> coalesce(d.expansion_minor, 0)
    or coalesce(m.contraction_minor, 0) <> coalesce(d.contraction_minor, 0)
    or coalesce(m.churn_minor, 0) <> coalesce(d.churn_minor, 0)
    or coalesce(m.reactivation_minor, 0) <> coalesce(d.reactivation_minor, 0)
