{{ config(
    materialized='incremental', incremental_strategy='touched', unique_key=['workspace_id', 'event_timestamp'],
    on_schema_change='append_new_columns'
) }}

with {{ touched_snapshots(
    facts=[
        (ref('fct_file_event'), 'file_event_id', 'event_date'), (ref('fct_login'), 'login_id', 'login_date')
    ],
    whole=[ref('int_customer__snapshot')]
) }},

user_days as (

    select
        events.workspace_id, events.customer_id, events.user_id, events.event_date as day_date,
        count(*) as file_events,
        count(case when events.event = 'upload' then 1 end) as uploads,
        count(case when events.event = 'download' then 1 end) as downloads,
        count(case when events.event = 'share' then 1 end) as shares
    from {{ ref('fct_file_event') }} as events
    inner join touched on events.workspace_id = touched.workspace_id and events.event_date > touched.first_day - 60
    where events.customer_id is not null
    group by events.workspace_id, events.customer_id, events.user_id, events.event_date
    union all
    select logins.workspace_id, logins.customer_id, logins.user_id, logins.login_date, 0, 0, 0, 0
    from {{ ref('fct_login') }} as logins
    inner join touched on logins.workspace_id = touched.workspace_id and logins.login_date > touched.first_day - 30
    where logins.customer_id is not null and logins.outcome = 'success'

),

facts as (

    select
        workspace_id, customer_id, day_date,
        -- noqa: disable=LT02
        {% for what in ['file_events', 'uploads', 'downloads', 'shares'] -%}
        {{ sum_minor(what) }} as {{ what }},
        {% endfor -%}
        -- noqa: enable=LT02
        false as is_snapshot
    from user_days
    group by workspace_id, customer_id, day_date
    union all
    -- before every window that is looked at, for the days since then
    select events.workspace_id, events.customer_id, max(events.event_date), 1, 0, 0, 0, false
    from {{ ref('fct_file_event') }} as events
    inner join touched on events.workspace_id = touched.workspace_id and events.event_date <= touched.first_day - 60
    where events.customer_id is not null
    group by events.workspace_id, events.customer_id
    union all
    select workspace_id, customer_id, snapshot_date, 0, 0, 0, 0, true
    from snapshots

),

windows as (

    select
        workspace_id,
        customer_id,
        day_date,
        is_snapshot,
        {{ sum_last_days('file_events', 30) }} as file_events_30d,
        {{ sum_last_days('file_events', 60, skip=30) }} as file_events_prev_30d,
        {{ sum_last_days('uploads', 30) }} as files_uploaded_30d,
        {{ sum_last_days('downloads', 30) }} as files_downloaded_30d,
        {{ sum_last_days('shares', 30) }} as files_shared_30d,
        {{ last_day_with('file_events > 0') }} as last_file_date
    from facts

),

active as (

    select
        snapshots.workspace_id,
        snapshots.customer_id,
        snapshots.snapshot_date,
        count(distinct user_days.user_id) as active_users_30d
    from snapshots
    inner join user_days
        on
            snapshots.workspace_id = user_days.workspace_id
            and snapshots.customer_id = user_days.customer_id
            and user_days.day_date <= snapshots.snapshot_date
            and user_days.day_date > snapshots.snapshot_date - 30
    group by snapshots.workspace_id, snapshots.customer_id, snapshots.snapshot_date

)

select
    snapshots.workspace_id,
    snapshots.customer_id,
    snapshots.event_timestamp,
    snapshots.event_timestamp as created_timestamp,
    cast(coalesce(active.active_users_30d, 0) as bigint) as active_users_30d,
    windows.file_events_30d,
    windows.files_uploaded_30d,
    windows.files_downloaded_30d,
    windows.files_shared_30d,
    {{ change_pct('windows.file_events_30d', 'windows.file_events_prev_30d') }} as usage_change_30d_pct,
    {{ days_between('windows.last_file_date', 'snapshots.snapshot_date') }} as days_since_file_event
from snapshots
inner join windows
    on
        snapshots.workspace_id = windows.workspace_id
        and snapshots.customer_id = windows.customer_id
        and snapshots.snapshot_date = windows.day_date
        and windows.is_snapshot
left join active
    on
        snapshots.workspace_id = active.workspace_id
        and snapshots.customer_id = active.customer_id
        and snapshots.snapshot_date = active.snapshot_date
