-- Whoever pays is a known customer.
select p.workspace_id, p.payment_id, p.customer_id
from marts.fct_payment as p
left join marts.dim_customer as c on p.workspace_id = c.workspace_id and p.customer_id = c.customer_id
where p.customer_id is not null and c.customer_id is null
