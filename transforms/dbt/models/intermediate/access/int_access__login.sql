{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'login_id'],
    on_schema_change='append_new_columns'
) }}

with okta as (

    select
        workspace_id,
        {{ key(["'okta'", 'okta_log_id']) }} as login_id,
        'okta' as provider,
        okta_log_id as provider_login_id,
        case when actor_type = 'User' and actor_id <> 'unknown' then actor_id end as user_id,
        lower(trim(actor_login)) as user_email,
        cast(null as text) as named_customer_id,
        logged_at as login_at,
        case
            when outcome_result in ('SUCCESS', 'ALLOW') then 'success'
            when outcome_result in ('CHALLENGE', 'UNANSWERED') then 'challenge'
            else 'failure'
        end as outcome,
        outcome_reason as reason,
        ip_address,
        case when length(country_name) = 2 then upper(country_name) end as country_code,
        user_agent,
        session_id,
        cast(null as boolean) as is_named_mfa,
        _load_seq
    from {{ ref('stg_okta__log') }}
    where
        (event_type = 'user.session.start' or (event_type = 'policy.evaluate_sign_on' and outcome_result = 'CHALLENGE'))
        and {{ is_incoming('okta') }}

),

cloudtrail as (

    select
        workspace_id,
        {{ key(["'cloudtrail'", 'cloudtrail_event_id']) }} as login_id,
        'cloudtrail' as provider,
        cloudtrail_event_id as provider_login_id,
        actor_id as user_id,
        lower({{ aws_actor_name('actor_name', 'actor_id') }}) as user_email,
        cast(null as text) as named_customer_id,
        occurred_at as login_at,
        {{ aws_outcome('error_code', 'response_elements') }} as outcome,
        coalesce(error_message, error_code) as reason,
        {{ address_only('ip_address') }} as ip_address,
        cast(null as text) as country_code,
        user_agent,
        cast(null as text) as session_id,
        coalesce({{ json_text('additional_event_data', 'MFAUsed') }} = 'Yes', false) as is_named_mfa,
        _load_seq
    from {{ ref('stg_cloudtrail__event') }}
    where
        event_source = 'signin.amazonaws.com' and event_name = 'ConsoleLogin'
        and {{ is_incoming('cloudtrail') }}

),

auth0 as (

    select
        workspace_id,
        {{ key(["'auth0'", 'auth0_log_id']) }} as login_id,
        'auth0' as provider,
        auth0_log_id as provider_login_id,
        user_id,
        lower(trim(user_name)) as user_email,
        cast(null as text) as named_customer_id,
        logged_at as login_at,
        {{ auth0_login_outcome('event_type') }} as outcome,
        case when {{ auth0_login_outcome('event_type') }} <> 'success' then description end as reason,
        ip_address,
        upper(country_code) as country_code,
        user_agent,
        session_id,
        case when {{ auth0_is_second_factor_exchange('event_type') }} then true end as is_named_mfa,
        _load_seq
    from {{ ref('stg_auth0__log') }}
    where {{ auth0_login_outcome('event_type') }} is not null and {{ is_incoming('auth0') }}

),

nexus as (

    select *
    from {{ ref('int_access__nexus_signin') }}
    where {{ is_incoming('nexus') }}

),

tabular as (

    select
        workspace_id,
        {{ key(["'tabular'", 'record_key']) }} as login_id,
        'tabular' as provider,
        record_key as provider_login_id,
        user_id,
        lower(trim(user_email)) as user_email,
        tabular_customer_id as named_customer_id,
        login_at,
        outcome,
        reason,
        ip_address,
        country_code,
        user_agent,
        cast(null as text) as session_id,
        is_mfa as is_named_mfa,
        _load_seq
    from {{ ref('stg_tabular__login') }}
    where {{ is_incoming('tabular') }}

)

select * from okta
union all
select * from auth0
union all
select * from cloudtrail
union all
select * from nexus  -- noqa: AM04
union all
select * from tabular
