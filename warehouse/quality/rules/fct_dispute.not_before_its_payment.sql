-- No dispute comes before the payment that it contests.
select d.workspace_id, d.dispute_id, d.disputed_at as observed, p.paid_at as expected
from marts.fct_dispute as d
inner join marts.fct_payment as p on d.workspace_id = p.workspace_id and d.payment_id = p.payment_id
where d.disputed_at < p.paid_at
