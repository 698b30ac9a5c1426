{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'login_id'],
    on_schema_change='append_new_columns'
) }}

with logins as (

    select *
    from {{ ref('int_access__login') }}
    where
        {{ is_pending(
            by={'login_id': [ref('int_access__login'), ref('int_access__second_factor')]},
            whole=[ref('int_identity__user'), ref('int_access__burst')]
        ) }}

),

-- whose login it is, how strong it was and what it was part of may all become known after the login itself
facts as (

    select
        logins.workspace_id,
        logins.login_id,
        logins.provider,
        coalesce(by_user.customer_id, by_name.customer_id, by_email.customer_id) as customer_id,
        logins.user_id,
        logins.user_email,
        logins.login_at,
        cast(logins.login_at as date) as login_date,
        logins.outcome,
        logins.reason,
        logins.ip_address,
        logins.country_code,
        logins.user_agent,
        coalesce(logins.is_named_mfa, second_factors.login_id is not null) as is_mfa,
        bursts.burst_id is not null as is_burst,
        bursts.burst_id
    from logins
    left join {{ ref('int_identity__user') }} as by_user
        on logins.workspace_id = by_user.workspace_id and by_user.source = 'user' and logins.user_id = by_user.source_id
    left join {{ ref('int_identity__user') }} as by_name
        on
            logins.workspace_id = by_name.workspace_id
            and by_name.source = 'account'
            and logins.named_customer_id = by_name.source_id
    left join {{ ref('int_identity__user') }} as by_email
        on
            logins.workspace_id = by_email.workspace_id
            and by_email.source = 'email'
            and {{ normalise_email('logins.user_email') }} = by_email.source_id
    left join {{ ref('int_access__second_factor') }} as second_factors
        on logins.workspace_id = second_factors.workspace_id and logins.login_id = second_factors.login_id
    left join {{ ref('int_access__burst') }} as bursts
        on
            logins.workspace_id = bursts.workspace_id
            and logins.ip_address = bursts.ip_address
            and logins.login_at >= bursts.started_at
            and logins.login_at <= bursts.ended_at

)

{{ only_changed('facts', 'login_id', ['customer_id', 'outcome', 'is_mfa', 'burst_id']) }}
