with stripe as (

    select
        lines.workspace_id,
        lines.invoice_line_id,
        lines.invoice_id,
        coalesce(lines.stripe_customer_id, invoices.stripe_customer_id) as provider_customer_id,
        'stripe' as provider,
        coalesce(lines.invoice_created_at, invoices.created_at, lines.period_start_at) as line_at,
        lines.price_id as item_code,
        lines.description,
        cast(lines.quantity as numeric(18, 6)) as quantity,
        cast(round(lines.unit_amount_decimal, 0) as bigint) as unit_amount_minor,
        lines.amount_minor,
        lines.currency,
        coalesce(lines.is_proration, false) as is_proration,
        cast(null as {{ dbt.type_string() }}) as country_name,
        'invoice' as invoice_kind,
        greatest(lines._load_seq, coalesce(invoices._load_seq, 0)) as _load_seq
    from {{ ref('stg_stripe__invoice_line') }} as lines
    left join {{ ref('stg_stripe__invoice') }} as invoices
        on lines.workspace_id = invoices.workspace_id and lines.invoice_id = invoices.invoice_id

),

tabular as (

    select
        workspace_id,
        entry_id as invoice_line_id,
        invoice_id,
        tabular_customer_id as provider_customer_id,
        'tabular' as provider,
        line_at,
        item_code,
        description,
        cast(quantity as numeric(18, 6)) as quantity,
        unit_amount_minor,
        amount_minor,
        currency,
        false as is_proration,
        country_name,
        coalesce(invoice_kind, case when amount_minor < 0 then 'credit_note' else 'invoice' end) as invoice_kind,
        _load_seq
    from {{ ref('stg_tabular__invoice_line') }}

),

lines as (

    select * from stripe
    union all
    select * from tabular

)

select * from lines
