-- No refund comes before the payment that it gives back.
select r.workspace_id, r.refund_id, r.refunded_at as observed, p.paid_at as expected
from marts.fct_refund as r
inner join marts.fct_payment as p on r.workspace_id = p.workspace_id and r.payment_id = p.payment_id
where r.refunded_at < p.paid_at
