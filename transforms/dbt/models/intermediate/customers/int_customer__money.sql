{{ config(materialized='table') }}

with customers as (

    select customers.workspace_id, customers.customer_id, customers.currency, clock.as_of_date
    from {{ ref('dim_customer') }} as customers
    inner join {{ ref('int_customer__workspace_day') }} as clock on customers.workspace_id = clock.workspace_id

),

attempts as (

    select *, status = 'succeeded' as is_paid from {{ ref('fct_payment') }}

),

payments as (

    -- money of another currency than the customer's own is not added up
    select
        customers.workspace_id,
        customers.customer_id,
        {{ sum_minor("case when facts.is_paid and facts.currency = customers.currency then facts.amount_minor end") }}
            as paid_minor,
        count(
            case when facts.status = 'failed' and facts.payment_date > customers.as_of_date - 30 then 1 end
        ) as failed_payments_30d,
        max(case when facts.is_paid then facts.paid_at end) as last_payment_at
    from customers
    inner join attempts as facts
        on customers.workspace_id = facts.workspace_id and customers.customer_id = facts.customer_id
    group by customers.workspace_id, customers.customer_id

),

refunds as (

    select
        customers.workspace_id,
        customers.customer_id,
        {{ sum_minor('facts.amount_minor') }} as refunded_minor
    from customers
    inner join {{ ref('fct_refund') }} as facts
        on
            customers.workspace_id = facts.workspace_id
            and customers.customer_id = facts.customer_id
            and customers.currency = facts.currency
            and facts.status = 'succeeded'
            and facts.is_booked
    group by customers.workspace_id, customers.customer_id

),

open_invoices as (

    select
        customers.workspace_id,
        customers.customer_id,
        {{ sum_minor('facts.total_minor - facts.amount_paid_minor') }} as open_invoice_minor
    from customers
    inner join {{ ref('fct_invoice') }} as facts
        on
            customers.workspace_id = facts.workspace_id
            and customers.customer_id = facts.customer_id
            and customers.currency = facts.currency
            and facts.status = 'open'
    group by customers.workspace_id, customers.customer_id

),

money as (

    select
        customers.workspace_id,
        customers.customer_id,
        coalesce(payments.paid_minor, 0) - coalesce(refunds.refunded_minor, 0) as lifetime_paid_minor,
        coalesce(open_invoices.open_invoice_minor, 0) as open_invoice_minor,
        coalesce(payments.failed_payments_30d, 0) as failed_payments_30d,
        payments.last_payment_at
    from customers
    left join payments
        on customers.workspace_id = payments.workspace_id and customers.customer_id = payments.customer_id
    left join refunds
        on customers.workspace_id = refunds.workspace_id and customers.customer_id = refunds.customer_id
    left join open_invoices
        on customers.workspace_id = open_invoices.workspace_id and customers.customer_id = open_invoices.customer_id

)

select * from money
