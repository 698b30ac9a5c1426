with storage as (

    select
        stored.workspace_id,
        stored.snapshot_date,
        identity.customer_id,
        stored.object_count,
        stored.storage_bytes
    from {{ ref('int_files__storage') }} as stored
    left join {{ ref('int_identity__user') }} as identity
        on
            stored.workspace_id = identity.workspace_id
            and identity.source = 'account'
            and stored.named_customer_id = identity.source_id

)

select
    workspace_id,
    {{ key(['snapshot_date', 'customer_id']) }} as storage_snapshot_id,
    snapshot_date,
    customer_id,
    {{ sum_minor('object_count') }} as object_count,
    {{ sum_minor('storage_bytes') }} as storage_bytes
from storage
group by workspace_id, snapshot_date, customer_id
