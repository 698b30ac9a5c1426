with invoices as (

    select * from {{ ref('int_billing__invoice') }}

),

resolved as (

    select
        invoices.workspace_id,
        invoices.invoice_id,
        identities.customer_id,
        invoices.provider,
        invoices.invoice_number,
        invoices.kind,
        invoices.status,
        invoices.issued_at,
        cast(invoices.issued_at as date) as issued_date,
        invoices.due_at,
        invoices.paid_at,
        invoices.total_minor,
        invoices.tax_minor,
        invoices.amount_paid_minor,
        invoices.currency,
        invoices.subscription_id,
        invoices.attempt_count,
        invoices.line_count
    from invoices
    left join {{ ref('int_identity__user') }} as identities
        on
            invoices.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and invoices.provider_customer_id = identities.source_id

)

select * from resolved
