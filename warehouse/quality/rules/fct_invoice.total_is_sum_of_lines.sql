-- An invoice's total without tax is the sum of its lines.
with lines as (
    select workspace_id, invoice_id, cast(sum(amount_minor) as bigint) as amount_minor, count(*) as line_count
    from marts.fct_invoice_line
    group by 1, 2
)
select i.workspace_id, i.invoice_id, i.total_minor - coalesce(i.tax_minor, 0) as observed,
    coalesce(l.amount_minor, 0) as expected
from marts.fct_invoice as i
left join lines as l on i.workspace_id = l.workspace_id and i.invoice_id = l.invoice_id
where i.total_minor - coalesce(i.tax_minor, 0) <> coalesce(l.amount_minor, 0)
    or coalesce(i.line_count, 0) <> coalesce(l.line_count, 0)
