{{ config(materialized='table') }}

with clock as (

    select workspace_id, as_of_date from {{ ref('int_customer__workspace_day') }}

),

logins as (

    select
        facts.workspace_id,
        facts.customer_id,
        count(case when facts.login_date > clock.as_of_date - 30 then 1 end) as logins_30d,
        count(distinct case when facts.login_date > clock.as_of_date - 30 then facts.user_id end) as active_users_30d,
        max(facts.login_at) as last_login_at
    from {{ ref('fct_login') }} as facts
    inner join clock on facts.workspace_id = clock.workspace_id
    where facts.outcome = 'success' and facts.customer_id is not null
    group by facts.workspace_id, facts.customer_id

),

recent_files as (

    select facts.*, facts.event_date > clock.as_of_date - 30 as is_recent
    from {{ ref('fct_file_event') }} as facts
    inner join clock on facts.workspace_id = clock.workspace_id
    where facts.customer_id is not null

),

files as (

    select
        facts.workspace_id,
        facts.customer_id,
        count(case when facts.is_recent and facts.event in ('upload', 'download', 'share') then 1 end) as files_30d,
        {{ sum_minor("case when facts.is_recent and facts.event = 'download' then facts.bytes_sent end") }}
            as egress_bytes_30d,
        max(facts.event_at) as last_file_at
    from recent_files as facts
    group by facts.workspace_id, facts.customer_id

),

mail as (

    select
        facts.workspace_id,
        facts.customer_id,
        count(case when facts.is_opened_human then 1 end) as emails_opened_30d
    from {{ ref('fct_email_message') }} as facts
    inner join clock on facts.workspace_id = clock.workspace_id and facts.sent_date > clock.as_of_date - 30
    where facts.customer_id is not null
    group by facts.workspace_id, facts.customer_id

),

stored as (

    select distinct on (workspace_id, customer_id) workspace_id, customer_id, storage_bytes
    from {{ ref('fct_storage_snapshot') }}
    where customer_id is not null
    order by workspace_id asc, customer_id asc, snapshot_date desc

),

activity as (

    select
        customers.workspace_id,
        customers.customer_id,
        coalesce(logins.logins_30d, 0) as logins_30d,
        coalesce(logins.active_users_30d, 0) as active_users_30d,
        logins.last_login_at,
        coalesce(files.files_30d, 0) as files_30d,
        coalesce(files.egress_bytes_30d, 0) as egress_bytes_30d,
        coalesce(stored.storage_bytes, 0) as storage_bytes,
        coalesce(mail.emails_opened_30d, 0) as emails_opened_30d,
        greatest(logins.last_login_at, files.last_file_at) as last_seen_at
    from {{ ref('dim_customer') }} as customers
    left join logins on customers.workspace_id = logins.workspace_id and customers.customer_id = logins.customer_id
    left join files on customers.workspace_id = files.workspace_id and customers.customer_id = files.customer_id
    left join mail on customers.workspace_id = mail.workspace_id and customers.customer_id = mail.customer_id
    left join stored on customers.workspace_id = stored.workspace_id and customers.customer_id = stored.customer_id

)

select * from activity
