-- Payments less booked refunds less disputes are what the provider booked, by currency; payouts and bare fees aside.
-- A booking may be younger than what has landed of its payment, which was only authorised then: it counts with that.
with moved as (
    select workspace_id, provider, currency, amount_minor from marts.fct_payment where status = 'succeeded'
    union all
    select workspace_id, provider, currency, -amount_minor
    from marts.fct_refund where is_booked and status not in ('failed', 'canceled')
    union all
    select workspace_id, provider, currency, -amount_minor
    from marts.fct_dispute where status <> 'won' and status not like 'warning%'
),
owed as (
    select workspace_id, provider, currency, cast(sum(amount_minor) as bigint) as amount_minor
    from moved
    group by 1, 2, 3
),
booked as (
    select workspace_id, provider, currency, cast(sum(amount_minor) as bigint) as amount_minor
    from marts.fct_balance_transaction as bookings
    where not exists (
        select 1 from marts.fct_payment as payments
        where payments.workspace_id = bookings.workspace_id and payments.provider = bookings.provider
            and payments.payment_id = bookings.source_id and payments.status in ('pending', 'canceled')
    ) and kind not in ('payout', 'payout_failure', 'payout_cancel', 'fee', 'stripe_fee', 'transfer', 'topup')
    group by 1, 2, 3
)
select b.workspace_id, b.provider, b.currency, b.amount_minor as observed, coalesce(o.amount_minor, 0) as expected
from booked as b
left join owed as o
    on b.workspace_id = o.workspace_id and b.provider = o.provider and b.currency = o.currency
where b.amount_minor <> coalesce(o.amount_minor, 0)
