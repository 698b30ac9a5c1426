{{ config(
    materialized='incremental', incremental_strategy='touched', unique_key=['workspace_id', 'event_timestamp'],
    on_schema_change='append_new_columns'
) }}

with {{ touched_snapshots(
    facts=[(ref('fct_file_event'), 'file_event_id', 'event_date')],
    whole=[ref('int_customer__snapshot'), ref('fct_storage_snapshot')]
) }},

facts as (

    select
        events.workspace_id,
        events.customer_id,
        events.event_date as day_date,
        {{ sum_minor('events.bytes_sent') }} as bytes_sent,
        false as is_snapshot
    from {{ ref('fct_file_event') }} as events
    inner join touched on events.workspace_id = touched.workspace_id and events.event_date > touched.first_day - 30
    where events.customer_id is not null
    group by events.workspace_id, events.customer_id, events.event_date
    union all
    select workspace_id, customer_id, snapshot_date, 0, true
    from snapshots

),

egress as (

    select
        workspace_id,
        customer_id,
        day_date,
        is_snapshot,
        {{ sum_last_days('bytes_sent', 30) }} as egress_bytes_30d
    from facts

),

inventories as (

    select
        workspace_id,
        customer_id,
        snapshot_date as inventory_date,
        storage_bytes,
        coalesce(
            lead(snapshot_date) over (partition by workspace_id, customer_id order by snapshot_date),
            cast('9999-12-31' as date)
        ) as next_inventory_date
    from {{ ref('fct_storage_snapshot') }}
    where customer_id is not null

)

select
    snapshots.workspace_id,
    snapshots.customer_id,
    snapshots.event_timestamp,
    snapshots.event_timestamp as created_timestamp,
    coalesce(now_stored.storage_bytes, 0) as storage_bytes,
    {{ change_pct('coalesce(now_stored.storage_bytes, 0)', 'earlier.storage_bytes') }} as storage_growth_90d_pct,
    egress.egress_bytes_30d
from snapshots
inner join egress
    on
        snapshots.workspace_id = egress.workspace_id
        and snapshots.customer_id = egress.customer_id
        and snapshots.snapshot_date = egress.day_date
        and egress.is_snapshot
left join inventories as now_stored
    on
        snapshots.workspace_id = now_stored.workspace_id
        and snapshots.customer_id = now_stored.customer_id
        and now_stored.inventory_date <= snapshots.snapshot_date
        and now_stored.next_inventory_date > snapshots.snapshot_date
left join inventories as earlier
    on
        snapshots.workspace_id = earlier.workspace_id
        and snapshots.customer_id = earlier.customer_id
        and earlier.inventory_date <= snapshots.snapshot_date - 90
        and earlier.next_inventory_date > snapshots.snapshot_date - 90
