with customers as (

    select
        customers.*,
        clock.as_of_date,
        coalesce(revenue.mrr_minor, 0) as mrr_minor,
        subscriptions.subscription_status,
        plans.plan_name
    from {{ ref('dim_customer') }} as customers
    inner join {{ ref('int_customer__workspace_day') }} as clock on customers.workspace_id = clock.workspace_id
    left join {{ ref('int_customer__revenue') }} as revenue
        on customers.workspace_id = revenue.workspace_id and customers.customer_id = revenue.customer_id
    left join {{ ref('int_customer__subscription') }} as subscriptions
        on customers.workspace_id = subscriptions.workspace_id and customers.customer_id = subscriptions.customer_id
    left join {{ ref('dim_plan') }} as plans
        on subscriptions.workspace_id = plans.workspace_id and subscriptions.plan_id = plans.plan_id

),

measured as (

    select
        customers.*,
        money.lifetime_paid_minor,
        money.open_invoice_minor,
        money.failed_payments_30d,
        money.last_payment_at,
        activity.logins_30d,
        activity.active_users_30d,
        activity.last_login_at,
        activity.files_30d,
        activity.egress_bytes_30d,
        activity.storage_bytes,
        activity.emails_opened_30d,
        activity.last_seen_at,
        {{ days_between('cast(activity.last_login_at as date)', 'customers.as_of_date') }} as days_since_login
    from customers
    inner join {{ ref('int_customer__money') }} as money
        on customers.workspace_id = money.workspace_id and customers.customer_id = money.customer_id
    inner join {{ ref('int_customer__activity') }} as activity
        on customers.workspace_id = activity.workspace_id and customers.customer_id = activity.customer_id

),

scored as (

    -- 30 for how many of its users came, 30 for how lately, 20 for payments that went through, 20 for files
    select
        *,
        case
            when not is_paying then 0
            else
                least(30, {{ div_half_up('30 * active_users_30d', 'greatest(user_count, 1)') }})
                + case
                    when days_since_login <= 3 then 30 when days_since_login <= 7 then 25
                    when days_since_login <= 14 then 15 when days_since_login <= 30 then 5 else 0
                end
                + case
                    when subscription_status = 'past_due' then 0
                    when failed_payments_30d = 0 then 20 when failed_payments_30d = 1 then 10 else 0
                end
                + case when files_30d >= 20 then 20 when files_30d >= 5 then 15 when files_30d >= 1 then 10 else 0 end
        end as health_points
    from measured

)

select
    workspace_id,
    customer_id,
    name,
    email,
    country_code,
    currency,
    plan_name,
    created_at,
    mrr_minor,
    lifetime_paid_minor,
    open_invoice_minor,
    failed_payments_30d,
    last_payment_at,
    logins_30d,
    active_users_30d,
    last_login_at,
    files_30d,
    egress_bytes_30d,
    storage_bytes,
    emails_opened_30d,
    last_seen_at,
    subscription_status,
    churned_at,
    {{ days_between('cast(created_at as date)', 'as_of_date') }} as tenure_days,
    cast(health_points as integer) as health_score
from scored
