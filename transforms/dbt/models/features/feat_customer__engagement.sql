with snapshots as (

    select * from {{ ref('int_customer__snapshot') }}

),

user_days as (

    select
        workspace_id,
        customer_id,
        user_id,
        event_date as day_date,
        count(*) as file_events,
        count(case when event = 'upload' then 1 end) as uploads,
        count(case when event = 'download' then 1 end) as downloads,
        count(case when event = 'share' then 1 end) as shares
    from {{ ref('fct_file_event') }}
    where customer_id is not null
    group by workspace_id, customer_id, user_id, event_date
    union all
    select workspace_id, customer_id, user_id, login_date, 0, 0, 0, 0
    from {{ ref('fct_login') }}
    where customer_id is not null and outcome = 'success'

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
