-- Works the features out again from movements and the moments of payments; a row is a snapshot that differs.
with sample as (

    {{ snapshot_sample() }}

),

revenue as (

    select
        sample.workspace_id,
        sample.customer_id,
        sample.event_timestamp,
        sum(facts.amount_minor) as mrr_minor,
        sum(
            case when {{ within_days('cast(facts.movement_date as timestamp)', 90) }} then facts.amount_minor else 0 end
        ) as mrr_change_90d_minor
    from sample
    left join {{ ref('fct_mrr_movement') }} as facts
        on
            sample.workspace_id = facts.workspace_id
            and sample.customer_id = facts.customer_id
            and sample.currency = facts.currency
            and cast(facts.movement_date as timestamp) < sample.event_timestamp
    group by sample.workspace_id, sample.customer_id, sample.event_timestamp

),

expected as (

    select
        revenue.*,
        (
            select count(*)
            from {{ ref('fct_payment') }} as facts
            where
                facts.workspace_id = revenue.workspace_id
                and facts.customer_id = revenue.customer_id
                and facts.status = 'failed'
                and {{ within_days('facts.paid_at', 90) | replace('sample.', 'revenue.') }}
        ) as failed_payments_90d,
        (
            select count(*)
            from {{ ref('fct_refund') }} as facts
            where
                facts.workspace_id = revenue.workspace_id
                and facts.customer_id = revenue.customer_id
                and {{ within_days('facts.refunded_at', 90) | replace('sample.', 'revenue.') }}
        ) as refunds_90d
    from revenue

)

select expected.*
from expected
left join {{ ref('feat_customer__billing') }} as found
    on
        expected.workspace_id = found.workspace_id
        and expected.customer_id = found.customer_id
        and expected.event_timestamp = found.event_timestamp
where
    expected.mrr_minor is distinct from found.mrr_minor
    or expected.mrr_change_90d_minor is distinct from found.mrr_change_90d_minor
    or expected.failed_payments_90d is distinct from found.failed_payments_90d
    or expected.refunds_90d is distinct from found.refunds_90d
