with versions as (

    select
        versions.*,
        least(coalesce(versions.to_date - 1, clock.as_of_date), clock.as_of_date) as last_date
    from {{ ref('int_billing__subscription_version') }} as versions
    inner join {{ ref('int_customer__workspace_day') }} as clock on versions.workspace_id = clock.workspace_id
    where not {{ is_ended('versions.status') }}

),

days as (

    select
        workspace_id,
        subscription_id,
        customer_id,
        provider,
        cast({{ days_from_to('from_date', 'last_date') }} as date) as day_date,
        status,
        plan_id,
        currency,
        quantity,
        mrr_minor
    from versions
    where last_date >= from_date

)

select * from days
