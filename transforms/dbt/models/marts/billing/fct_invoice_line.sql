{{ config(
    materialized='incremental',
    unique_key=['workspace_id', 'invoice_line_id'],
    incremental_strategy='noted',
    on_schema_change='fail'
) }}

with lines as (

    select * from {{ ref('int_billing__invoice_line') }}

),

resolved as (

    select
        lines.workspace_id,
        lines.invoice_line_id,
        lines.invoice_id,
        identities.customer_id,
        lines.provider,
        lines.line_at,
        cast(lines.line_at as date) as line_date,
        lines.item_code,
        lines.description,
        lines.quantity,
        lines.unit_amount_minor,
        lines.amount_minor,
        lines.currency,
        lines.is_proration,
        lines.country_name,
        lines._load_seq
    from lines
    left join {{ ref('int_identity__user') }} as identities
        on
            lines.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and lines.provider_customer_id = identities.source_id

),

changed as (

    select resolved.*
    from resolved
    {%- if is_incremental() %}
    -- rows that the table has not seen, and rows whose customer has become known or another since
    left join {{ this }} as known
        on resolved.workspace_id = known.workspace_id and resolved.invoice_line_id = known.invoice_line_id
    where known.invoice_line_id is null
        or known._load_seq is distinct from resolved._load_seq
        or known.customer_id is distinct from resolved.customer_id
    {%- endif %}

)

select * from changed
