"""What @@title asks: attempts and failures by day and by customer."""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View


def by_day(view: View) -> pl.DataFrame:
    """Every day of the period (days without are zero): attempts, and those that failed."""
    return view.read(
        """
        select cast(day as date) as day, count(payment_id) as attempts,
               count(*) filter (where status = 'failed') as failed
        from generate_series($start::date, $end::date, interval 1 day) as s(day)
        left join marts.fct_payment as payments
            on payments.workspace_id = $workspace and payments.currency = $currency
            and payments.payment_date = cast(day as date) and payments.status in ('succeeded', 'failed')
        group by 1 order by 1
        """
    )


def by_customer(view: View) -> pl.DataFrame:
    """Attempts, failures and what was collected of each customer, the most failures first."""
    return view.read(
        """
        select payments.customer_id as customer, any_value(customers.name) as customer_name, count(*) as attempts,
               count(*) filter (where payments.status = 'failed') as failed,
               cast(coalesce(sum(payments.amount_minor) filter (where payments.status = 'succeeded'), 0) as bigint)
                   as collected_minor,
               $currency as currency
        from marts.fct_payment as payments
        left join marts.dim_customer as customers
            on customers.workspace_id = $workspace and customers.customer_id = payments.customer_id
        where payments.workspace_id = $workspace and payments.currency = $currency
            and payments.payment_date between $start and $end and payments.status in ('succeeded', 'failed')
        group by 1 order by failed desc, attempts desc, customer
        """
    )
