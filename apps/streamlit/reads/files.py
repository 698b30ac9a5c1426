"""What Files asks: who takes how much, and what is unusual against a user's own past.

Unusual: a robust z-score, (value − median) / (1.4826 × median absolute deviation), of a day against the same user's
active days in the ninety before it (Iglewicz and Hoaglin 1993). Bytes and downloads must both stand out, so that one
large file is no case; a floor under each deviation keeps quiet users from looking wild. Somebody with no
active day before has no past to be compared with.
"""

from __future__ import annotations

import polars as pl

from apps.streamlit.components.page import View

#: From this robust z-score on a user's day is a case, and a day of the whole workspace is marked.
UNUSUAL = 10.0
UNUSUAL_DAY = 6.0
#: Floors of the deviation of a user's day: bytes and downloads.
FLOOR_BYTES, FLOOR_DOWNLOADS = 20_000_000, 1
#: Less than this a day is never called an exfiltration, however unusual (bytes).
NOTABLE_BYTES = 250_000_000


def egress_by_day(view: View) -> pl.DataFrame:
    """Every day of the period (days without are zero): bytes, downloads, users, score against 60 days before."""
    return view.read(
        """
        with days as (
            select cast(day as date) as day from generate_series($start::date - 90, $end::date, interval 1 day) as s(day)
        ),
        taken as (
            select event_date as day, sum(bytes_sent) as bytes, count(*) filter (where event = 'download') as downloads,
                   count(distinct user_id) as users
            from marts.fct_file_event
            where workspace_id = $workspace and event_date between $start::date - 90 and $end
            group by 1
        ),
        filled as (
            select day, cast(coalesce(bytes, 0) as bigint) as bytes, coalesce(downloads, 0) as downloads,
                   coalesce(users, 0) as users
            from days left join taken using (day)
        ),
        based as (
            select *, median(bytes) over past as middle, mad(bytes) over past as deviation,
                   count(*) filter (where bytes > 0) over past as known
            from filled
            window past as (order by day rows between 60 preceding and 1 preceding)
        )
        select day, bytes, downloads, users,
               case when known >= 20 then (bytes - middle) / (1.4826 * greatest(deviation, 0.1 * middle)) end as score
        from based where day between $start and $end order by day
        """
    )


def unusual_users(view: View) -> pl.DataFrame:
    """User-days of the period far above that user's own past, the most unusual first."""
    return view.read(
        """
        with daily as (
            select user_id, event_date as day, any_value(customer_id) as customer_id, sum(bytes_sent) as bytes,
                   count(*) filter (where event = 'download') as downloads, count(distinct object_key) as objects,
                   count(distinct ip_address) as addresses
            from marts.fct_file_event
            where workspace_id = $workspace and user_id is not null and event_date between $start::date - 90 and $end
            group by 1, 2
        ),
        based as (
            select *, median(bytes) over past as usual_bytes, mad(bytes) over past as spread_bytes,
                   median(downloads) over past as usual_downloads, mad(downloads) over past as spread_downloads,
                   count(*) over past as known
            from daily
            window past as (partition by user_id order by day range between interval 90 day preceding and interval 1 day preceding)
        ),
        scored as (
            select *, least(
                (bytes - usual_bytes) / (1.4826 * greatest(spread_bytes, $floor_bytes)),
                (downloads - usual_downloads) / (1.4826 * greatest(spread_downloads, $floor_downloads))
            ) as score
            from based where known >= 1
        )
        select scored.user_id, users.full_name as user_name, users.email, scored.customer_id as customer,
               customers.name as customer_name, scored.day, cast(scored.bytes as bigint) as bytes,
               cast(scored.usual_bytes as bigint) as usual_bytes, scored.downloads,
               scored.usual_downloads, scored.objects, scored.addresses, scored.score
        from scored
        left join marts.dim_user as users on users.workspace_id = $workspace and users.user_id = scored.user_id
        left join marts.dim_customer as customers
            on customers.workspace_id = $workspace and customers.customer_id = scored.customer_id
        where day between $start and $end and score >= $limit and bytes >= $notable
        order by score desc, scored.user_id
        """,
        limit=UNUSUAL,
        floor_bytes=FLOOR_BYTES,
        floor_downloads=FLOOR_DOWNLOADS,
        notable=NOTABLE_BYTES,
    )


def user_days(view: View, user: str) -> pl.DataFrame:
    """One user's egress by day, ninety days up to the end of the period."""
    return view.read(
        """
        select cast(day as date) as day, cast(coalesce(sum(bytes_sent), 0) as bigint) as bytes
        from generate_series($end::date - 89, $end::date, interval 1 day) as s(day)
        left join marts.fct_file_event as events
            on events.workspace_id = $workspace and events.user_id = $user and events.event_date = cast(day as date)
        group by 1 order by 1
        """,
        user=user,
    )


def user_objects(view: View, user: str, day: object) -> pl.DataFrame:
    """What one user took on one day, and from where."""
    return view.read(
        """
        select object_key, bucket_name, ip_address, count(*) as downloads, cast(sum(bytes_sent) as bigint) as bytes,
               min(event_at) as first_at, max(event_at) as last_at
        from marts.fct_file_event
        where workspace_id = $workspace and user_id = $user and event_date = $day and event = 'download'
        group by 1, 2, 3 order by bytes desc, object_key
        """,
        user=user,
        day=day,
    )


def by_customer(view: View) -> pl.DataFrame:
    """Egress and stored bytes of each customer."""
    return view.read(
        """
        with taken as (
            select customer_id, sum(bytes_sent) as bytes, count(*) filter (where event = 'download') as downloads,
                   count(*) filter (where event = 'upload') as uploads, count(distinct user_id) as users
            from marts.fct_file_event
            where workspace_id = $workspace and event_date between $start and $end
            group by 1
        ),
        stored as (
            select customer_id, sum(storage_bytes) as storage_bytes, sum(object_count) as objects
            from marts.fct_storage_snapshot
            where workspace_id = $workspace and snapshot_date = (
                select max(snapshot_date) from marts.fct_storage_snapshot
                where workspace_id = $workspace and snapshot_date <= $end
            )
            group by 1
        )
        select coalesce(taken.customer_id, stored.customer_id) as customer, customers.name as customer_name,
               cast(coalesce(bytes, 0) as bigint) as egress_bytes, coalesce(downloads, 0) as downloads,
               coalesce(uploads, 0) as uploads, coalesce(users, 0) as users,
               cast(storage_bytes as bigint) as storage_bytes, cast(objects as bigint) as objects
        from taken full join stored on taken.customer_id = stored.customer_id
        left join marts.dim_customer as customers
            on customers.workspace_id = $workspace and customers.customer_id = coalesce(taken.customer_id, stored.customer_id)
        order by egress_bytes desc, customer
        """
    )


def by_object(view: View) -> pl.DataFrame:
    return view.read(
        """
        select object_key, any_value(events.customer_id) as customer, any_value(customers.name) as customer_name,
               count(*) filter (where event = 'download') as downloads, count(distinct user_id) as users,
               cast(sum(bytes_sent) as bigint) as egress_bytes, max(event_at) as last_at
        from marts.fct_file_event as events
        left join marts.dim_customer as customers
            on events.workspace_id = customers.workspace_id and events.customer_id = customers.customer_id
        where events.workspace_id = $workspace and event_date between $start and $end and object_key is not null
        group by object_key
        order by egress_bytes desc, object_key limit 2000
        """
    )


def by_address(view: View) -> pl.DataFrame:
    return view.read(
        """
        select ip_address, count(*) as requests, count(distinct user_id) as users,
               count(*) filter (where status_code >= 400) as refused, cast(sum(bytes_sent) as bigint) as egress_bytes,
               min(event_at) as first_at, max(event_at) as last_at
        from marts.fct_file_event
        where workspace_id = $workspace and event_date between $start and $end and ip_address is not null
        group by 1 order by egress_bytes desc, ip_address limit 2000
        """
    )


def storage_by_month(view: View) -> pl.DataFrame:
    return view.read(
        """
        select snapshot_date as day, cast(sum(storage_bytes) as bigint) as bytes, cast(sum(object_count) as bigint) as objects
        from marts.fct_storage_snapshot where workspace_id = $workspace and snapshot_date <= $end
        group by 1 order by 1
        """
    )
