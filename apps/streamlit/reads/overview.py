"""What the Overview asks: the MRR bridge, what moved by segment, what else happened.

Amounts are of one currency, in minor units.
"""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View

KINDS = ("new", "expansion", "reactivation", "contraction", "churn")
#: How customers can be told apart, with the words of the page.
SEGMENTS = {"country": "country", "plan": "plan", "provider": "payment provider", "age": "age of the account"}


def bridge(view: View) -> dict[str, int]:
    """`opening`, each movement of the period, `closing`."""
    rows = view.read(
        """
        select
            cast(coalesce(sum(amount_minor) filter (where movement_date < $start), 0) as bigint) as opening,
            cast(coalesce(sum(amount_minor), 0) as bigint) as closing,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and movement = 'new'), 0) as bigint) as new,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and movement = 'expansion'), 0) as bigint) as expansion,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and movement = 'reactivation'), 0) as bigint) as reactivation,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and movement = 'contraction'), 0) as bigint) as contraction,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and movement = 'churn'), 0) as bigint) as churn
        from marts.fct_mrr_movement
        where workspace_id = $workspace and currency = $currency and movement_date <= $end
        """
    )
    return {name: int(value) for name, value in rows.row(0, named=True).items()}


def currencies(view: View) -> pl.DataFrame:
    """The same bridge for every currency, one row each, never added up."""
    return view.read(
        """
        select
            currency,
            cast(coalesce(sum(amount_minor) filter (where movement_date < $start), 0) as bigint) as opening_minor,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and amount_minor > 0), 0) as bigint) as gained_minor,
            cast(coalesce(sum(amount_minor) filter (where movement_date >= $start and amount_minor < 0), 0) as bigint) as lost_minor,
            cast(coalesce(sum(amount_minor), 0) as bigint) as closing_minor
        from marts.fct_mrr_movement
        where workspace_id = $workspace and movement_date <= $end
        group by currency
        order by count(distinct customer_id) desc, currency
        """
    )


def moved(view: View, segment: str) -> pl.DataFrame:
    """Net change of MRR by segment: the largest changes first, in either direction."""
    by = {
        "country": "coalesce(customers.country_code, 'unknown')",
        "provider": "coalesce(customers.provider, 'unknown')",
        "plan": "coalesce(plans.plan_name, 'unknown')",
        "age": """case when movements.movement_date - cast(customers.created_at as date) < 90 then 'under 3 months'
                       when movements.movement_date - cast(customers.created_at as date) < 365 then '3 to 12 months'
                       else 'over a year' end""",
    }[segment]
    plans = """
        left join (
            select days.customer_id, arg_max(plan.plan_name, days.day_date) as plan_name
            from marts.fct_subscription_day as days
            left join marts.dim_plan as plan
                on days.workspace_id = plan.workspace_id and days.plan_id = plan.plan_id
            where days.workspace_id = $workspace and days.day_date <= $end and days.day_date >= $start - 1
            group by days.customer_id
        ) as plans on movements.customer_id = plans.customer_id
    """
    return view.read(
        f"""
        select
            {by} as segment,
            cast(sum(amount_minor) as bigint) as net_minor,
            cast(coalesce(sum(amount_minor) filter (where amount_minor > 0), 0) as bigint) as gained_minor,
            cast(coalesce(sum(amount_minor) filter (where amount_minor < 0), 0) as bigint) as lost_minor,
            count(distinct movements.customer_id) as customers,
            any_value(movements.currency) as currency
        from marts.fct_mrr_movement as movements
        left join marts.dim_customer as customers
            on movements.workspace_id = customers.workspace_id and movements.customer_id = customers.customer_id
        {plans if segment == "plan" else ""}
        where movements.workspace_id = $workspace and movements.currency = $currency
            and movement_date between $start and $end
        group by 1
        order by abs(net_minor) desc, segment
        """
    )


def largest(view: View) -> pl.DataFrame:
    """Every movement of the period, the largest first."""
    return view.read(
        """
        select
            movements.customer_id as customer, customers.name as customer_name, customers.country_code,
            movements.movement_date, movements.movement, movements.amount_minor, movements.closing_mrr_minor,
            movements.currency
        from marts.fct_mrr_movement as movements
        left join marts.dim_customer as customers
            on movements.workspace_id = customers.workspace_id and movements.customer_id = customers.customer_id
        where movements.workspace_id = $workspace and movements.currency = $currency
            and movement_date between $start and $end
        order by abs(movements.amount_minor) desc, movements.movement_date desc, movements.movement_id
        """
    )


def campaigns(view: View) -> pl.DataFrame:
    """Campaigns that were sent in the period."""
    return view.read(
        """
        select
            campaign_id, min(sent_at) as first_at, count(*) filter (where not is_holdout) as sent,
            count(*) filter (where is_opened_human) as opened, count(*) filter (where is_clicked_human) as clicked
        from marts.fct_email_message
        where workspace_id = $workspace and campaign_id is not null and sent_date between $start and $end
        group by campaign_id
        order by first_at
        """
    )
