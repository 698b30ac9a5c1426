-- Works the features out again from the moments of sign-ins; a row is a snapshot for which they differ.
with sample as (

    {{ snapshot_sample() }}

),

expected as (

    select
        sample.workspace_id,
        sample.customer_id,
        sample.event_timestamp,
        count(case when facts.outcome = 'success' and {{ within_days('facts.login_at', 30) }} then 1 end) as logins_30d,
        count(case when facts.outcome = 'success' and {{ within_days('facts.login_at', 60, skip=30) }} then 1 end)
            as logins_prev_30d,
        count(case when facts.outcome = 'failure' and {{ within_days('facts.login_at', 30) }} then 1 end)
            as failed_logins_30d,
        max(case when facts.outcome = 'success' then facts.login_date end) as last_login_date
    from sample
    left join {{ ref('fct_login') }} as facts
        on
            sample.workspace_id = facts.workspace_id
            and sample.customer_id = facts.customer_id
            and facts.login_at < sample.event_timestamp
    group by sample.workspace_id, sample.customer_id, sample.event_timestamp

)

select expected.*
from expected
left join {{ ref('feat_customer__access') }} as found
    on
        expected.workspace_id = found.workspace_id
        and expected.customer_id = found.customer_id
        and expected.event_timestamp = found.event_timestamp
where
    expected.logins_30d is distinct from found.logins_30d
    or expected.logins_prev_30d is distinct from found.logins_prev_30d
    or expected.failed_logins_30d is distinct from found.failed_logins_30d
    or cast(expected.event_timestamp as date) - 1 - expected.last_login_date is distinct from found.days_since_login
