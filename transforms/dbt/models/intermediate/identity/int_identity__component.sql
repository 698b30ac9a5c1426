{{ config(materialized='table') }}

with recursive records as (

    select * from {{ ref('int_identity__record') }}

),

evidence as (

    select * from {{ ref('int_identity__evidence') }}

),

hubs as (

    -- what more than twenty records share (a reseller's address, a test address) identifies nobody
    select workspace_id, link_key, {{ min_text('record_key') }} as hub_key
    from evidence
    group by workspace_id, link_key
    having count(*) between 2 and 20

),

edges as (

    select hubs.workspace_id, hubs.hub_key as from_key, evidence.record_key as to_key
    from hubs
    inner join evidence on hubs.workspace_id = evidence.workspace_id and hubs.link_key = evidence.link_key
    union
    select hubs.workspace_id, evidence.record_key as from_key, hubs.hub_key as to_key
    from hubs
    inner join evidence on hubs.workspace_id = evidence.workspace_id and hubs.link_key = evidence.link_key

),

reached as (

    select workspace_id, record_key as from_key, record_key as to_key
    from records
    union
    select reached.workspace_id, reached.from_key, edges.to_key
    from reached
    inner join edges on reached.workspace_id = edges.workspace_id and reached.to_key = edges.from_key

),

roots as (

    select workspace_id, from_key as record_key, {{ min_text('to_key') }} as root_key
    from reached
    group by workspace_id, from_key

),

ranked as (

    select
        records.*,
        roots.root_key,
        case records.source
            when 'stripe' then 1 when 'tabular' then 2 when 'okta' then 3 when 'auth0' then 3 else 4
        end as source_rank
    from records
    inner join roots on records.workspace_id = roots.workspace_id and records.record_key = roots.record_key

),

named as (

    -- a customer bears the id of its oldest record at the leading provider
    select
        workspace_id,
        record_key,
        source,
        source_id,
        name,
        email,
        country_code,
        currency,
        created_at,
        source_rank,
        first_value(source_id) over (
            partition by workspace_id, root_key
            order by source_rank, coalesce(created_at, timestamp '9999-12-31 00:00:00'), {{ bytewise('source_id') }}
        ) as customer_id
    from ranked

)

select * from named
