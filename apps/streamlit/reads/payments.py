"""What Payments asks: movements by month, cohorts, why collecting fails, what is recovered, whether the books tie out.

Amounts are of one currency, in minor units.
"""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View


def movements_by_month(view: View) -> pl.DataFrame:
    """Eighteen months up to the end of the period: month_date, movement, amount_minor."""
    return view.read(
        """
        select month_date, movement, cast(sum(amount_minor) as bigint) as amount_minor
        from marts.fct_mrr_movement
        where workspace_id = $workspace and currency = $currency and movement_date <= $end
            and month_date > date_trunc('month', $end::date) - interval 18 month
        group by month_date, movement
        order by month_date, movement
        """
    )


def cohorts(view: View) -> pl.DataFrame:
    """MRR kept by the customers that first paid in a month, at the end of each month since.

    cohort_date, cohort, age (months), share (may exceed 1 where customers expand), customers and start_minor at the end
    of its first month, incomplete.
    """
    return view.read(
        """
        with firsts as (
            select customer_id, min(month_date) as cohort_date
            from marts.fct_mrr_movement
            where workspace_id = $workspace and currency = $currency and movement_date <= $end
            group by customer_id
        ),
        months as (
            select distinct cast(month as date) as month_date
            from generate_series(
                (select min(cohort_date) from firsts)::timestamp, date_trunc('month', $end::date)::timestamp, interval 1 month
            ) as series(month)
        ),
        levels as (
            select firsts.cohort_date, months.month_date, firsts.customer_id, sum(moved.amount_minor) as mrr_minor
            from firsts
            join months on months.month_date >= firsts.cohort_date
            join marts.fct_mrr_movement as moved
                on moved.workspace_id = $workspace and moved.currency = $currency
                and moved.customer_id = firsts.customer_id and moved.month_date <= months.month_date
                and moved.movement_date <= $end
            group by 1, 2, 3
        ),
        kept as (
            select cohort_date, month_date, sum(mrr_minor) as mrr_minor, count(*) as customers
            from levels group by 1, 2
        )
        select
            kept.cohort_date, strftime(kept.cohort_date, '%b %Y') as cohort,
            cast(date_diff('month', kept.cohort_date, kept.month_date) as integer) as age,
            cast(kept.mrr_minor as double) / nullif(start.mrr_minor, 0) as share,
            start.customers, cast(start.mrr_minor as bigint) as start_minor,
            last_day(kept.month_date) > $end::date as incomplete
        from kept
        join kept as start on kept.cohort_date = start.cohort_date and start.month_date = start.cohort_date
        where kept.cohort_date > date_trunc('month', $end::date) - interval 12 month
        order by 1, 3
        """
    )


def failures(view: View) -> pl.DataFrame:
    """Failed attempts of the period by reason, and how many of their invoices were paid later."""
    return view.read(
        """
        with tried as (
            select *, coalesce(invoice_id, subscription_id, payment_id) as collected
            from marts.fct_payment
            where workspace_id = $workspace and currency = $currency
        ),
        paid as (select collected, max(paid_at) as paid_at from tried where status = 'succeeded' group by collected)
        select
            coalesce(failure_code, 'unknown') as reason, count(*) as attempts,
            count(distinct customer_id) as customers,
            cast(sum(amount_minor) as bigint) as amount_minor,
            cast(count(*) filter (where paid.paid_at > tried.paid_at) as double) / count(*) as recovered,
            any_value(currency) as currency
        from tried left join paid using (collected)
        where status = 'failed' and payment_date between $start and $end
        group by 1
        order by attempts desc, reason
        """
    )


def attempts(view: View) -> pl.DataFrame:
    """Success by number of the attempt at the same invoice, over the year before the period's end."""
    return view.read(
        """
        select
            least(attempt_number, 5) as attempt, count(*) as attempts,
            count(*) filter (where status = 'succeeded') as succeeded,
            cast(coalesce(sum(amount_minor) filter (where status = 'succeeded'), 0) as bigint) as amount_minor,
            any_value(currency) as currency
        from marts.fct_payment
        where workspace_id = $workspace and currency = $currency and status in ('succeeded', 'failed')
            and payment_date between $end::date - 364 and $end
        group by 1
        order by 1
        """
    )


def tie_out(view: View) -> pl.DataFrame:
    """Facts of the period against the provider's own bookings, by provider and kind. `gap_minor` should be zero."""
    return view.read(
        """
        with facts as (
            select provider, 'charge' as kind, count(*) as facts, sum(amount_minor) as facts_minor
            from marts.fct_payment
            where workspace_id = $workspace and currency = $currency and status = 'succeeded'
                and payment_date between $start and $end
            group by provider
            union all
            select provider, 'refund', count(*), -sum(amount_minor)
            from marts.fct_refund
            where workspace_id = $workspace and currency = $currency and refund_date between $start and $end
                and is_booked and status not in ('failed', 'canceled')
            group by provider
        ),
        books as (
            select provider, case when kind = 'payment' then 'charge' else kind end as kind, count(*) as bookings,
                   sum(amount_minor) as booked_minor, sum(fee_minor) as fee_minor
            from marts.fct_balance_transaction
            where workspace_id = $workspace and currency = $currency and booked_date between $start and $end
            group by 1, 2
        )
        select
            coalesce(facts.provider, books.provider) as provider, coalesce(facts.kind, books.kind) as kind,
            coalesce(facts, 0) as facts, cast(facts_minor as bigint) as facts_minor,
            coalesce(bookings, 0) as bookings, cast(booked_minor as bigint) as booked_minor,
            cast(case when facts.kind is not null or books.kind in ('charge', 'refund')
                 then coalesce(booked_minor, 0) - coalesce(facts_minor, 0) end as bigint) as gap_minor,
            cast(fee_minor as bigint) as fee_minor, $currency as currency
        from facts full join books on facts.provider = books.provider and facts.kind = books.kind
        order by provider, kind
        """
    )


def disputes(view: View) -> pl.DataFrame:
    return view.read(
        """
        select disputes.customer_id as customer, customers.name as customer_name, disputes.disputed_at, disputes.reason,
               disputes.status, disputes.amount_minor, disputes.currency
        from marts.fct_dispute as disputes
        left join marts.dim_customer as customers
            on disputes.workspace_id = customers.workspace_id and disputes.customer_id = customers.customer_id
        where disputes.workspace_id = $workspace and disputes.currency = $currency
            and dispute_date between $start and $end
        order by disputed_at desc, dispute_id
        """
    )


def failed_payments(view: View) -> pl.DataFrame:
    """Every failed attempt of the period, newest first."""
    return view.read(
        """
        select payments.customer_id as customer, customers.name as customer_name, payments.paid_at, payments.failure_code,
               payments.attempt_number, payments.provider, payments.amount_minor, payments.currency
        from marts.fct_payment as payments
        left join marts.dim_customer as customers
            on payments.workspace_id = customers.workspace_id and payments.customer_id = customers.customer_id
        where payments.workspace_id = $workspace and payments.currency = $currency and payments.status = 'failed'
            and payment_date between $start and $end
        order by paid_at desc, payment_id
        """
    )
