-- MRR at the end of a month is MRR at its start plus the month's movements, to the minor unit.
select workspace_id, month_date, currency, closing_minor as observed,
    opening_minor + new_minor + expansion_minor + contraction_minor + churn_minor + reactivation_minor as expected
from marts.fct_mrr_month
where closing_minor
    <> opening_minor + new_minor + expansion_minor + contraction_minor + churn_minor + reactivation_minor
