"""What Customer 360 asks: finding customers, one customer's state, one time line of everything about them."""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View

#: Lanes of the time line, in their order.
LANES = ("Revenue", "Payments", "Mail", "Sign-ins", "Files", "Rights", "Predictions")


def search(view: View, text: str) -> pl.DataFrame:
    """Customers whose name, e-mail or id holds `text`, and those one of whose users' address does; best first."""
    return view.read(
        """
        with hits as (
            select customer_id,
                   case when lower(customer_id) = $text then 0 when lower(name) like $text || '%' then 1
                        when lower(name) like '%' || $text || '%' then 2 else 3 end as rank
            from marts.customer_360
            where workspace_id = $workspace and (
                contains(lower(coalesce(name, '')), $text) or contains(lower(coalesce(email, '')), $text)
                or contains(lower(customer_id), $text)
            )
            union all
            select customer_id, 4 from marts.dim_user
            where workspace_id = $workspace and customer_id is not null and $text <> ''
                and (contains(lower(coalesce(email, '')), $text) or contains(lower(coalesce(full_name, '')), $text))
        )
        select c.customer_id as customer, c.name as customer_name, c.email, c.country_code, c.plan_name, c.mrr_minor,
               c.currency, c.health_score, c.subscription_status, c.last_seen_at
        from marts.customer_360 as c
        join (select customer_id, min(rank) as rank from hits group by 1) as best on c.customer_id = best.customer_id
        where c.workspace_id = $workspace
        order by best.rank, c.mrr_minor desc nulls last, c.customer_id limit 200
        """,
        text=text.strip().lower(),
    )


def at_risk(view: View) -> pl.DataFrame:
    """Paying customers, the least healthy of the largest first: a start where nobody was searched."""
    return view.read(
        """
        select customer_id as customer, name as customer_name, country_code, plan_name, mrr_minor, currency,
               health_score, subscription_status, last_seen_at
        from marts.customer_360
        where workspace_id = $workspace and mrr_minor > 0 and ($currency is null or currency = $currency)
        order by (100 - health_score) * ln(1 + mrr_minor) desc, customer_id limit 200
        """
    )


def one(view: View, customer: str) -> dict[str, object] | None:
    rows = view.read(
        "select * from marts.customer_360 where workspace_id = $workspace and customer_id = $customer",
        customer=customer,
    )
    return rows.row(0, named=True) if len(rows) else None


def prediction(view: View, customer: str) -> dict[str, object] | None:
    """The newest score of a customer by the churn model, with its reasons."""
    if not view.has("marts.fct_prediction"):
        return None
    rows = view.read(
        """
        select * from marts.fct_prediction
        where workspace_id = $workspace and customer_id = $customer and split_part(model_name, '.', 1) = 'churn'
        order by as_of_date desc, scored_at desc limit 1
        """,
        customer=customer,
    )
    return rows.row(0, named=True) if len(rows) else None


def mrr_by_month(view: View, customer: str) -> pl.DataFrame:
    return view.read(
        """
        select movement_date as day, movement, amount_minor, closing_mrr_minor, currency
        from marts.fct_mrr_movement where workspace_id = $workspace and customer_id = $customer
        order by movement_date
        """,
        customer=customer,
    )


def open_invoices(view: View, customer: str) -> int:
    rows = view.read(
        """
        select count(*) as n from marts.fct_invoice
        where workspace_id = $workspace and customer_id = $customer and kind = 'invoice' and status = 'open'
        """,
        customer=customer,
    )
    return int(rows["n"][0])


def users(view: View, customer: str) -> pl.DataFrame:
    return view.read(
        """
        select full_name, email, status, created_at, last_login_at, is_mfa_enrolled
        from marts.dim_user where workspace_id = $workspace and customer_id = $customer
        order by last_login_at desc nulls last, user_id
        """,
        customer=customer,
    )


def timeline(view: View, customer: str) -> pl.DataFrame:
    """Everything in one line: happened_at, lane, what, detail, good (true, false or null). Sign-ins and files are summed by day."""
    predictions = (
        """
        union all
        select scored_at, 'Predictions', 'Churn score', printf('%.0f%%, tenth %d of 10', score * 100, decile), null
        from marts.fct_prediction
        where workspace_id = $workspace and customer_id = $customer and split_part(model_name, '.', 1) = 'churn'
        """
        if view.has("marts.fct_prediction")
        else ""
    )
    return view.read(
        f"""
        with everything(happened_at, lane, what, detail, good) as (
            select cast(movement_date as timestamp), 'Revenue', movement,
                   'MRR ' || printf('%+d', amount_minor) || '|' || currency, amount_minor > 0
            from marts.fct_mrr_movement where workspace_id = $workspace and customer_id = $customer
            union all
            select paid_at, 'Payments', 'payment ' || status,
                   printf('%d', amount_minor) || '|' || currency || coalesce('|' || failure_code, ''), status = 'succeeded'
            from marts.fct_payment where workspace_id = $workspace and customer_id = $customer
            union all
            select refunded_at, 'Payments', 'refund', printf('%d', amount_minor) || '|' || currency || coalesce('|' || reason, ''), false
            from marts.fct_refund where workspace_id = $workspace and customer_id = $customer
            union all
            select disputed_at, 'Payments', 'dispute', printf('%d', amount_minor) || '|' || currency || coalesce('|' || reason, ''), false
            from marts.fct_dispute where workspace_id = $workspace and customer_id = $customer
            union all
            select min(sent_at), 'Mail', coalesce(campaign_id, category),
                   count(*) || ' sent, ' || count(*) filter (where is_opened_human) || ' opened by people, '
                   || count(*) filter (where is_clicked_human) || ' clicked', not bool_or(is_bounced_hard or is_complained)
            from marts.fct_email_message where workspace_id = $workspace and customer_id = $customer and not is_holdout
            group by sent_date, coalesce(campaign_id, category)
            union all
            select min(login_at), 'Sign-ins', 'sign-ins',
                   count(*) filter (where outcome = 'success') || ' in, ' || count(*) filter (where outcome = 'failure')
                   || ' refused, ' || count(distinct user_id) || ' users', not bool_or(is_burst)
            from marts.fct_login where workspace_id = $workspace and customer_id = $customer group by login_date
            union all
            select min(event_at), 'Files', 'files',
                   count(*) filter (where event = 'upload') || ' up, ' || count(*) filter (where event = 'download')
                   || ' down, ' || printf('%d', cast(sum(bytes_sent) as bigint)) || ' bytes', null
            from marts.fct_file_event where workspace_id = $workspace and customer_id = $customer group by event_date
            union all
            select changed_at, 'Rights', action, action_group || ', ' || outcome, null
            from marts.fct_iam_change where workspace_id = $workspace and customer_id = $customer
            {predictions}
        )
        select * from everything where happened_at is not null order by happened_at desc, lane, what
        """,
        customer=customer,
    )
