with inventory as (

    select *
    from {{ ref('stg_s3__inventory') }}
    where coalesce(is_latest, true) and not coalesce(is_delete_marker, false)

)

select
    workspace_id,
    snapshot_date,
    case when object_key like 'tenants/%/%' then nullif(split_part(object_key, '/', 2), '') end as named_customer_id,
    cast(count(*) as bigint) as object_count,
    {{ sum_minor('size_bytes') }} as storage_bytes
from inventory
group by
    workspace_id,
    snapshot_date,
    case when object_key like 'tenants/%/%' then nullif(split_part(object_key, '/', 2), '') end
