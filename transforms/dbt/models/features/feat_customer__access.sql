with snapshots as (

    select * from {{ ref('int_customer__snapshot') }}

),

facts as (

    select
        workspace_id,
        customer_id,
        login_date as day_date,
        count(case when outcome = 'success' then 1 end) as logins,
        count(case when outcome = 'success' and is_mfa then 1 end) as mfa_logins,
        count(case when outcome = 'failure' then 1 end) as failures,
        false as is_snapshot
    from {{ ref('fct_login') }}
    where customer_id is not null
    group by workspace_id, customer_id, login_date
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
