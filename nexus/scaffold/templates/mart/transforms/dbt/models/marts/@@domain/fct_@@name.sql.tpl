with source as (

    select * from {{ ref('@@of') }}

),

counted as (

    select
        workspace_id,
        cast(count(*) as bigint) as record_count
    from source
    group by workspace_id

)

select * from counted
