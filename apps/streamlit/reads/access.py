"""What Access asks: attempts by outcome, bursts minute by minute, sleepers, unusual sign-ins, changes of rights."""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View

#: An active account without a sign-in for this many days is dormant.
DORMANT_DAYS = 60


def attempts_by_day(view: View) -> pl.DataFrame:
    return view.read(
        """
        select login_date as day, case when is_burst then 'burst' else outcome end as outcome, count(*) as attempts
        from marts.fct_login
        where workspace_id = $workspace and login_date between $start and $end
        group by 1, 2 order by 1, 2
        """
    )


def bursts(view: View) -> pl.DataFrame:
    """Bursts of the period: many failures from one address within ten minutes."""
    return view.read(
        """
        select ip_address, min(login_at) as started_at, max(login_at) as ended_at, count(*) as attempts,
               count(distinct user_id) as users, count(*) filter (where outcome = 'failure') as failures,
               count(*) filter (where outcome = 'success') as successes, any_value(country_code) as country_code
        from marts.fct_login
        where workspace_id = $workspace and is_burst and login_date between $start and $end
        group by ip_address, login_date
        order by attempts desc
        """
    )


def burst_minutes(view: View, address: str, started: object, ended: object) -> pl.DataFrame:
    """All attempts around a burst by minute: those of its address, and everybody else's for comparison."""
    return view.read(
        """
        select date_trunc('minute', login_at) as minute,
               case when ip_address = $address and outcome = 'success' then 'burst, let in'
                    when ip_address = $address then 'burst, refused' else 'everybody else' end as outcome,
               count(*) as attempts
        from marts.fct_login
        where workspace_id = $workspace
            and login_at between $started::timestamp - interval 10 minute and $ended::timestamp + interval 10 minute
        group by 1, 2 order by 1, 2
        """,
        address=address,
        started=started,
        ended=ended,
    )


def let_in(view: View, address: str) -> pl.DataFrame:
    """Successful sign-ins from a burst's address: accounts to be looked at now."""
    return view.read(
        """
        select logins.user_id, coalesce(users.full_name, logins.user_email) as user_name, logins.user_email,
               logins.customer_id as customer, customers.name as customer_name, logins.login_at, logins.is_mfa
        from marts.fct_login as logins
        left join marts.dim_user as users
            on logins.workspace_id = users.workspace_id and logins.user_id = users.user_id
        left join marts.dim_customer as customers
            on logins.workspace_id = customers.workspace_id and logins.customer_id = customers.customer_id
        where logins.workspace_id = $workspace and logins.ip_address = $address and logins.outcome = 'success'
        order by logins.login_at
        """,
        address=address,
    )


def dormant(view: View) -> pl.DataFrame:
    """Active accounts that have not signed in for DORMANT_DAYS, the longest asleep first."""
    return view.read(
        """
        with seen as (
            select user_id, max(login_at) as last_at from marts.fct_login
            where workspace_id = $workspace and outcome = 'success' and login_date <= $end group by user_id
        )
        select users.user_id, users.full_name as user_name, users.email, users.customer_id as customer,
               customers.name as customer_name, users.created_at, seen.last_at, users.is_mfa_enrolled,
               cast(date_diff('day', coalesce(seen.last_at, users.created_at)::date, $end::date) as integer) as days
        from marts.dim_user as users
        left join seen on users.user_id = seen.user_id
        left join marts.dim_customer as customers
            on users.workspace_id = customers.workspace_id and users.customer_id = customers.customer_id
        where users.workspace_id = $workspace and lower(users.status) = 'active'
            and coalesce(seen.last_at, users.created_at)::date <= $end::date - $limit::integer
        order by days desc, users.user_id
        """,
        limit=DORMANT_DAYS,
    )


def active_accounts(view: View) -> int:
    rows = view.read(
        "select count(*) as n from marts.dim_user where workspace_id = $workspace and lower(status) = 'active'"
    )
    return int(rows["n"][0])


def mfa_by_customer(view: View) -> pl.DataFrame:
    """Who signs in without a second factor, by customer."""
    return view.read(
        """
        with signed as (
            select user_id, any_value(customer_id) as customer_id, bool_or(is_mfa) as is_mfa
            from marts.fct_login
            where workspace_id = $workspace and outcome = 'success' and login_date between $start and $end
            group by user_id
        )
        select signed.customer_id as customer, customers.name as customer_name, count(*) as users,
               count(*) filter (where signed.is_mfa) as mfa_users,
               cast(count(*) filter (where signed.is_mfa) as double) / count(*) as coverage
        from signed
        left join marts.dim_customer as customers
            on customers.workspace_id = $workspace and customers.customer_id = signed.customer_id
        group by 1, 2 order by users - mfa_users desc, customer
        """
    )


def new_countries(view: View) -> pl.DataFrame:
    """Successful sign-ins of the period from a country from which that user never came before (and had come before)."""
    return view.read(
        """
        with firsts as (
            select user_id, country_code, min(login_at) as first_at, count(*) as sign_ins
            from marts.fct_login
            where workspace_id = $workspace and outcome = 'success' and country_code is not null and login_date <= $end
            group by 1, 2
        ),
        ranked as (
            select *, min(first_at) over (partition by user_id) as known_since,
                   sum(sign_ins) over (partition by user_id) - sign_ins as elsewhere,
                   arg_max(country_code, sign_ins) over (partition by user_id) as usual_country
            from firsts
        )
        select ranked.user_id, coalesce(users.full_name, users.email, ranked.user_id) as user_name,
               users.customer_id as customer, customers.name as customer_name, ranked.first_at, ranked.country_code,
               ranked.usual_country, ranked.elsewhere as sign_ins_before, logins.ip_address, logins.is_mfa
        from ranked
        left join marts.dim_user as users on users.workspace_id = $workspace and users.user_id = ranked.user_id
        left join marts.dim_customer as customers
            on customers.workspace_id = $workspace and customers.customer_id = users.customer_id
        left join marts.fct_login as logins
            on logins.workspace_id = $workspace and logins.user_id = ranked.user_id and logins.login_at = ranked.first_at
            and logins.outcome = 'success'
        where ranked.first_at::date between $start and $end and ranked.first_at > ranked.known_since + interval 30 day
            and ranked.elsewhere >= 10
        order by ranked.elsewhere desc, ranked.user_id
        """
    )


def changes(view: View) -> pl.DataFrame:
    """Changes of accounts, groups, roles and factors, newest first; who did it to whom."""
    return view.read(
        """
        select changes.changed_at, changes.action_group, changes.action, changes.outcome,
               coalesce(actors.full_name, changes.actor_id) as actor,
               coalesce(targets.full_name, changes.target_id) as target,
               changes.customer_id as customer, customers.name as customer_name
        from marts.fct_iam_change as changes
        left join marts.dim_user as actors
            on changes.workspace_id = actors.workspace_id and changes.actor_id = actors.user_id
        left join marts.dim_user as targets
            on changes.workspace_id = targets.workspace_id and changes.target_id = targets.user_id
        left join marts.dim_customer as customers
            on changes.workspace_id = customers.workspace_id and changes.customer_id = customers.customer_id
        where changes.workspace_id = $workspace and change_date between $start and $end
        order by (changes.action_group = 'role') desc, changes.changed_at desc, changes.iam_change_id
        """
    )
