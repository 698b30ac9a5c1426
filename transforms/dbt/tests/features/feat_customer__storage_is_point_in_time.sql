-- Works the features out again from inventories and the moments of file events; a row is a snapshot that differs.
with sample as (

    {{ snapshot_sample() }}

),

expected as (

    select
        sample.*,
        (
            select facts.storage_bytes
            from {{ ref('fct_storage_snapshot') }} as facts
            where
                facts.workspace_id = sample.workspace_id
                and facts.customer_id = sample.customer_id
                and cast(facts.snapshot_date as timestamp) < sample.event_timestamp
            order by facts.snapshot_date desc
            limit 1
        ) as storage_bytes,
        (
            select sum(facts.bytes_sent)
            from {{ ref('fct_file_event') }} as facts
            where
                facts.workspace_id = sample.workspace_id
                and facts.customer_id = sample.customer_id
                and {{ within_days('facts.event_at', 30) }}
        ) as egress_bytes_30d
    from sample

)

select expected.*
from expected
left join {{ ref('feat_customer__storage') }} as found
    on
        expected.workspace_id = found.workspace_id
        and expected.customer_id = found.customer_id
        and expected.event_timestamp = found.event_timestamp
where
    coalesce(expected.storage_bytes, 0) is distinct from found.storage_bytes
    or coalesce(expected.egress_bytes_30d, 0) is distinct from found.egress_bytes_30d
