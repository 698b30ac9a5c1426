with clock as (

    select * from {{ ref('int_customer__workspace_clock') }}

),

workspaces as (

    select
        workspace_id,
        first_event_at,
        as_of_at,
        as_of_date,
        is_as_of_landing
    from clock

)

select * from workspaces
