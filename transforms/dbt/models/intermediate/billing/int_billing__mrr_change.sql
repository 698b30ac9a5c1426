with day_ends as (

    -- only the state at the end of a day counts
    select versions.*
    from {{ ref('int_billing__subscription_version') }} as versions
    inner join {{ ref('int_customer__workspace_day') }} as clock
        on versions.workspace_id = clock.workspace_id and versions.from_date <= clock.as_of_date
    where versions.to_date is null or versions.to_date > versions.from_date

),

steps as (

    select
        workspace_id,
        customer_id,
        currency,
        from_date as change_date,
        mrr_minor - lag(mrr_minor, 1, cast(0 as bigint)) over (
            partition by workspace_id, provider, subscription_id
            order by version_number
        ) as delta_minor
    from day_ends

),

daily as (

    select
        workspace_id,
        customer_id,
        currency,
        change_date,
        {{ sum_minor('delta_minor') }} as delta_minor
    from steps
    group by workspace_id, customer_id, currency, change_date

),

running as (

    select
        *,
        cast(sum(delta_minor) over (
            partition by workspace_id, customer_id, currency
            order by change_date
        ) as bigint) as closing_mrr_minor
    from daily
    where delta_minor <> 0

),

changes as (

    select
        workspace_id,
        customer_id,
        currency,
        change_date,
        delta_minor,
        closing_mrr_minor - delta_minor as opening_mrr_minor,
        closing_mrr_minor,
        row_number() over (
            partition by workspace_id, customer_id, currency
            order by change_date
        ) as change_number
    from running

)

select * from changes
