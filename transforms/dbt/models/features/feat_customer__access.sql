{{ config(
    materialized='incremental', incremental_strategy='touched', unique_key=['workspace_id', 'event_timestamp'],
    on_schema_change='append_new_columns'
) }}

with {{ touched_snapshots(
    facts=[(ref('fct_login'), 'login_id', 'login_date')],
    whole=[ref('int_customer__snapshot')]
) }},

facts as (

    select
        logins.workspace_id,
        logins.customer_id,
        logins.login_date as day_date,
        count(case when logins.outcome = 'success' then 1 end) as logins,
        count(case when logins.outcome = 'success' and logins.is_mfa then 1 end) as mfa_logins,
        count(case when logins.outcome = 'failure' then 1 end) as failures,
        false as is_snapshot
    from {{ ref('fct_login') }} as logins
    inner join touched on logins.workspace_id = touched.workspace_id and logins.login_date > touched.first_day - 60
    where logins.customer_id is not null
    group by logins.workspace_id, logins.customer_id, logins.login_date
    union all
    -- before every window that is looked at, for the days since then
    select logins.workspace_id, logins.customer_id, max(logins.login_date), 1, 0, 0, false
    from {{ ref('fct_login') }} as logins
    inner join touched on logins.workspace_id = touched.workspace_id and logins.login_date <= touched.first_day - 60
    where logins.customer_id is not null and logins.outcome = 'success'
    group by logins.workspace_id, logins.customer_id
    union all
    select workspace_id, customer_id, snapshot_date, 0, 0, 0, true
    from snapshots

),

windows as (

    select
        workspace_id,
        customer_id,
        day_date,
        is_snapshot,
        {{ sum_last_days('logins', 30) }} as logins_30d,
        {{ sum_last_days('logins', 60, skip=30) }} as logins_prev_30d,
        {{ sum_last_days('mfa_logins', 30) }} as mfa_logins_30d,
        {{ sum_last_days('failures', 30) }} as failed_logins_30d,
        {{ last_day_with('logins > 0') }} as last_login_date
    from facts

)

select
    snapshots.workspace_id,
    snapshots.customer_id,
    snapshots.event_timestamp,
    snapshots.event_timestamp as created_timestamp,
    windows.logins_30d,
    windows.logins_prev_30d,
    {{ change_pct('windows.logins_30d', 'windows.logins_prev_30d') }} as login_trend_pct,
    {{ days_between('windows.last_login_date', 'snapshots.snapshot_date') }} as days_since_login,
    windows.failed_logins_30d,
    {{ pct('windows.mfa_logins_30d', 'windows.logins_30d') }} as mfa_share_pct
from snapshots
inner join windows
    on
        snapshots.workspace_id = windows.workspace_id
        and snapshots.customer_id = windows.customer_id
        and snapshots.snapshot_date = windows.day_date
        and windows.is_snapshot
