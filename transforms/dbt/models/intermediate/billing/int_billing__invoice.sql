{{ config(materialized='table') }}

with lines as (

    select * from {{ ref('int_billing__invoice_line') }}

),

line_counts as (

    select workspace_id, invoice_id, count(*) as line_count
    from lines
    where provider = 'stripe'
    group by workspace_id, invoice_id

),

stripe as (

    select
        invoices.workspace_id,
        invoices.invoice_id,
        invoices.stripe_customer_id as provider_customer_id,
        'stripe' as provider,
        invoices.invoice_number,
        case when invoices.total_minor < 0 then 'credit_note' else 'invoice' end as kind,
        invoices.status,
        coalesce(invoices.effective_at, invoices.finalized_at, invoices.created_at) as issued_at,
        invoices.due_at,
        invoices.paid_at,
        invoices.total_minor,
        coalesce(invoices.tax_minor, invoices.total_minor - invoices.total_excluding_tax_minor, 0) as tax_minor,
        coalesce(invoices.amount_paid_minor, 0) as amount_paid_minor,
        invoices.currency,
        invoices.subscription_id,
        cast(coalesce(invoices.attempt_count, 0) as integer) as attempt_count,
        cast(coalesce(line_counts.line_count, 0) as integer) as line_count
    from {{ ref('stg_stripe__invoice') }} as invoices
    left join line_counts
        on invoices.workspace_id = line_counts.workspace_id and invoices.invoice_id = line_counts.invoice_id

),

tabular as (

    select
        workspace_id,
        invoice_id,
        {{ min_text('provider_customer_id') }} as provider_customer_id,
        'tabular' as provider,
        invoice_id as invoice_number,
        {{ min_text('invoice_kind') }} as kind,
        cast(null as {{ dbt.type_string() }}) as status,
        min(line_at) as issued_at,
        cast(null as timestamp) as due_at,
        cast(null as timestamp) as paid_at,
        {{ sum_minor('amount_minor') }} as total_minor,
        cast(0 as bigint) as tax_minor,
        cast(null as bigint) as amount_paid_minor,
        {{ min_text('currency') }} as currency,
        cast(null as {{ dbt.type_string() }}) as subscription_id,
        cast(0 as integer) as attempt_count,
        cast(count(*) as integer) as line_count
    from lines
    where provider = 'tabular'
    group by workspace_id, invoice_id

),

invoices as (

    select * from stripe
    union all
    select * from tabular

)

select * from invoices
