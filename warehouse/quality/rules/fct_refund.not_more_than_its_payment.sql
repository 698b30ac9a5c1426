-- The refunds of a payment never exceed it, and are in its currency; releasing what was not captured is no refund.
select r.workspace_id, r.payment_id, cast(sum(r.amount_minor) as bigint) as observed,
    max(p.amount_minor) as expected
from marts.fct_refund as r
inner join marts.fct_payment as p on r.workspace_id = p.workspace_id and r.payment_id = p.payment_id
where r.status = 'succeeded' and r.is_booked
group by r.workspace_id, r.payment_id
having sum(r.amount_minor) > max(p.amount_minor) or max(r.currency) <> max(p.currency)
    or min(r.currency) <> max(p.currency)
