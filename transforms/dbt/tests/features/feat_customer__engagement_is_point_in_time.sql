-- Works the features out again from the moments of file events and sign-ins; a row is a snapshot that differs.
with sample as (

    {{ snapshot_sample() }}

),

facts as (

    select workspace_id, customer_id, user_id, event, event_at as happened_at
    from {{ ref('fct_file_event') }}
    union all
    select workspace_id, customer_id, user_id, 'login', login_at
    from {{ ref('fct_login') }}
    where outcome = 'success'

),

expected as (

    select
        sample.workspace_id,
        sample.customer_id,
        sample.event_timestamp,
        count(distinct case when {{ within_days('facts.happened_at', 30) }} then facts.user_id end) as active_users_30d,
        count(case when facts.event <> 'login' and {{ within_days('facts.happened_at', 30) }} then 1 end)
            as file_events_30d,
        count(case when facts.event = 'upload' and {{ within_days('facts.happened_at', 30) }} then 1 end)
            as files_uploaded_30d,
        count(case when facts.event = 'download' and {{ within_days('facts.happened_at', 30) }} then 1 end)
            as files_downloaded_30d
    from sample
    left join facts
        on
            sample.workspace_id = facts.workspace_id
            and sample.customer_id = facts.customer_id
            and facts.happened_at < sample.event_timestamp
    group by sample.workspace_id, sample.customer_id, sample.event_timestamp

)

select expected.*
from expected
left join {{ ref('feat_customer__engagement') }} as found
    on
        expected.workspace_id = found.workspace_id
        and expected.customer_id = found.customer_id
        and expected.event_timestamp = found.event_timestamp
where
    expected.active_users_30d is distinct from found.active_users_30d
    or expected.file_events_30d is distinct from found.file_events_30d
    or expected.files_uploaded_30d is distinct from found.files_uploaded_30d
    or expected.files_downloaded_30d is distinct from found.files_downloaded_30d
