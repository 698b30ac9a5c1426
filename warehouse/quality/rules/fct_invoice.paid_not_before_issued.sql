-- No invoice is paid before it was issued.
select workspace_id, invoice_id, paid_at as observed, issued_at as expected
from marts.fct_invoice
where paid_at < issued_at
