with versions as (

    select versions.*
    from {{ ref('int_billing__subscription_version') }} as versions
    inner join {{ ref('int_customer__workspace_day') }} as clock
        on versions.workspace_id = clock.workspace_id and versions.from_date <= clock.as_of_date
    where versions.to_date is null or versions.to_date > clock.as_of_date

),

present as (

    -- of several subscriptions the one that brings in most speaks for the customer, then the newest
    select distinct on (workspace_id, customer_id)
        workspace_id, customer_id, subscription_id, status as subscription_status, plan_id
    from versions
    where customer_id is not null
    order by
        workspace_id, customer_id, mrr_minor desc, case when {{ is_ended('status') }} then 1 else 0 end,
        valid_from_at desc, {{ bytewise('subscription_id') }}

)

select * from present
