{{ config(
    materialized='incremental', incremental_strategy='touched', unique_key=['workspace_id', 'event_timestamp'],
    on_schema_change='append_new_columns'
) }}

with {{ touched_snapshots(
    facts=[(ref('fct_email_event'), 'email_event_id', 'event_date')],
    whole=[ref('int_customer__snapshot')]
) }},

-- whatever happened to a message that something happened to in a window that is looked at: of half a year, only who
-- unsubscribed is asked
windowed as (

    select events.*
    from {{ ref('fct_email_event') }} as events
    where
        events.customer_id is not null
        and (
            events.message_id is null
            or (events.workspace_id, events.message_id) in (
                select late.workspace_id, late.message_id
                from {{ ref('fct_email_event') }} as late
                inner join touched
                    on
                        late.workspace_id = touched.workspace_id
                        and late.event_date
                        > touched.first_day - case late.event when 'unsubscribed' then 180 else 90 end
                where late.message_id is not null
            )
        )

),

-- the day of the first of its kind for each message: a second open adds nothing
firsts as (

    select
        workspace_id,
        customer_id,
        message_id,
        min(case when event = 'delivered' then event_date end) as delivered_date,
        min(case when event in ('bounced_hard', 'bounced_soft') then event_date end) as bounced_date,
        min(case when event = 'opened' and not is_machine_open then event_date end) as opened_date,
        min(case when event = 'clicked' and not is_scanner_click then event_date end) as clicked_date,
        min(case when event = 'unsubscribed' then event_date end) as unsubscribed_date
    from windowed
    group by workspace_id, customer_id, message_id

),

facts as (

    -- noqa: disable=LT02
    {% for what in ['delivered', 'bounced', 'opened', 'clicked', 'unsubscribed'] -%}
    select
        workspace_id, customer_id, {{ what }}_date as day_date, '{{ what }}' as what, count(*) as messages
    from firsts
    where {{ what }}_date is not null
    group by workspace_id, customer_id, {{ what }}_date
    union all
    {% endfor -%}
    -- noqa: enable=LT02
    select workspace_id, customer_id, snapshot_date, 'snapshot', 0
    from snapshots

),

windows as (

    select
        workspace_id,
        customer_id,
        day_date,
        what,
        {{ sum_last_days("case when what = 'delivered' then messages end", 90) }} as emails_delivered_90d,
        {{ sum_last_days("case when what = 'opened' then messages end", 90) }} as emails_opened_90d,
        {{ sum_last_days("case when what = 'clicked' then messages end", 90) }} as clicks_90d,
        {{ sum_last_days("case when what = 'unsubscribed' then messages end", 180) }} as unsubscribed_180d,
        {{ sum_last_days("case when what = 'bounced' then messages end", 90) }} as bounces_90d
    from facts

)

select
    snapshots.workspace_id,
    snapshots.customer_id,
    snapshots.event_timestamp,
    snapshots.event_timestamp as created_timestamp,
    windows.emails_delivered_90d,
    windows.emails_opened_90d,
    {{ pct('windows.emails_opened_90d', 'windows.emails_delivered_90d') }} as human_open_rate_90d_pct,
    windows.clicks_90d,
    windows.unsubscribed_180d,
    windows.bounces_90d
from snapshots
inner join windows
    on
        snapshots.workspace_id = windows.workspace_id
        and snapshots.customer_id = windows.customer_id
        and snapshots.snapshot_date = windows.day_date
        and windows.what = 'snapshot'
