-- Works the features out again from the moments of mail events; a row is a snapshot that differs.
with sample as (

    {{ snapshot_sample() }}

),

-- the first of each kind for each message, as far as it was known at the snapshot
firsts as (

    select
        sample.workspace_id,
        sample.customer_id,
        sample.event_timestamp,
        facts.message_id,
        case
            when facts.event in ('bounced_hard', 'bounced_soft') then 'bounced'
            when facts.is_machine_open or facts.is_scanner_click then 'machine'
            else facts.event
        end as what,
        min(facts.event_at) as happened_at
    from sample
    inner join {{ ref('fct_email_event') }} as facts
        on
            sample.workspace_id = facts.workspace_id
            and sample.customer_id = facts.customer_id
            and facts.event_at < sample.event_timestamp
    group by 1, 2, 3, 4, 5

),

expected as (

    select
        sample.workspace_id,
        sample.customer_id,
        sample.event_timestamp,
        count(case when firsts.what = 'delivered' and {{ within_days('firsts.happened_at', 90) }} then 1 end)
            as emails_delivered_90d,
        count(case when firsts.what = 'opened' and {{ within_days('firsts.happened_at', 90) }} then 1 end)
            as emails_opened_90d,
        count(case when firsts.what = 'clicked' and {{ within_days('firsts.happened_at', 90) }} then 1 end)
            as clicks_90d,
        count(case when firsts.what = 'unsubscribed' and {{ within_days('firsts.happened_at', 180) }} then 1 end)
            as unsubscribed_180d,
        count(case when firsts.what = 'bounced' and {{ within_days('firsts.happened_at', 90) }} then 1 end)
            as bounces_90d
    from sample
    left join firsts
        on
            sample.workspace_id = firsts.workspace_id
            and sample.customer_id = firsts.customer_id
            and sample.event_timestamp = firsts.event_timestamp
    group by sample.workspace_id, sample.customer_id, sample.event_timestamp

)

select expected.*
from expected
left join {{ ref('feat_customer__mail') }} as found
    on
        expected.workspace_id = found.workspace_id
        and expected.customer_id = found.customer_id
        and expected.event_timestamp = found.event_timestamp
where
    {% for what in ['emails_delivered_90d', 'emails_opened_90d', 'clicks_90d', 'unsubscribed_180d', 'bounces_90d'] -%}
    expected.{{ what }} is distinct from found.{{ what }}{% if not loop.last %} or {% endif %}
    {% endfor %}
