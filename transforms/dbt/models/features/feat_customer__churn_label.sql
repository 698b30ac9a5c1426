{% set horizon = 60 %}

with snapshots as (

    select * from {{ ref('int_customer__snapshot') }}

),

endings as (

    select
        workspace_id,
        customer_id,
        movement,
        movement_date,
        lead(movement_date) over (
            partition by workspace_id, customer_id, currency order by movement_date
        ) as next_movement_date
    from {{ ref('fct_mrr_movement') }}

),

-- a customer who left and came back within the horizon has not churned
churned as (

    select distinct
        snapshots.workspace_id,
        snapshots.customer_id,
        snapshots.snapshot_date
    from snapshots
    inner join endings
        on
            snapshots.workspace_id = endings.workspace_id
            and snapshots.customer_id = endings.customer_id
            and endings.movement = 'churn'
            and endings.movement_date > snapshots.snapshot_date
            and endings.movement_date <= snapshots.snapshot_date + {{ horizon }}
            and (
                endings.next_movement_date is null
                or endings.next_movement_date > snapshots.snapshot_date + {{ horizon }}
            )

)

select
    snapshots.workspace_id,
    snapshots.customer_id,
    snapshots.event_timestamp,
    snapshots.event_timestamp as created_timestamp,
    cast(snapshots.event_timestamp + interval '{{ horizon }} days' as timestamp) as known_at,
    case
        when snapshots.snapshot_date + {{ horizon }} <= workspaces.as_of_date then churned.customer_id is not null
    end as churned_within_60d
from snapshots
inner join {{ ref('int_customer__workspace_day') }} as workspaces on snapshots.workspace_id = workspaces.workspace_id
left join churned
    on
        snapshots.workspace_id = churned.workspace_id
        and snapshots.customer_id = churned.customer_id
        and snapshots.snapshot_date = churned.snapshot_date
