with profiles as (

    select * from {{ ref('int_customer__profile') }}

),

payments as (

    select
        identities.workspace_id,
        identities.customer_id,
        min(attempts.paid_at) as first_paid_at,
        bool_and(attempts.provider = 'paypal') as is_paypal_only
    from {{ ref('int_billing__payment_attempt') }} as attempts
    inner join {{ ref('int_identity__user') }} as identities
        on
            attempts.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and attempts.provider_customer_id = identities.source_id
    where attempts.status = 'succeeded'
    group by identities.workspace_id, identities.customer_id

),

revenue as (

    select * from {{ ref('int_customer__revenue') }}

),

users as (

    select workspace_id, customer_id, cast(count(*) as integer) as user_count
    from {{ ref('int_identity__user') }}
    where source = 'user'
    group by workspace_id, customer_id

),

customers as (

    select
        profiles.workspace_id,
        profiles.customer_id,
        profiles.name,
        profiles.email,
        profiles.country_code,
        coalesce(profiles.currency, revenue.currency) as currency,
        profiles.created_at,
        payments.first_paid_at,
        coalesce(revenue.is_paying, false) as is_paying,
        revenue.churned_at,
        case when payments.is_paypal_only then 'paypal' else profiles.record_source end as provider,
        profiles.stripe_customer_id,
        profiles.paypal_payer_id,
        coalesce(users.user_count, 0) as user_count
    from profiles
    left join payments
        on profiles.workspace_id = payments.workspace_id and profiles.customer_id = payments.customer_id
    left join revenue
        on profiles.workspace_id = revenue.workspace_id and profiles.customer_id = revenue.customer_id
    left join users
        on profiles.workspace_id = users.workspace_id and profiles.customer_id = users.customer_id

)

select * from customers
