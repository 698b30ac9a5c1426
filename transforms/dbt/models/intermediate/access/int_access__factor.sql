{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'factor_id'],
    on_schema_change='append_new_columns'
) }}

with okta as (

    select
        workspace_id,
        {{ key(["'okta'", 'okta_log_id']) }} as factor_id,
        'okta' as provider,
        actor_id as user_id,
        session_id,
        logged_at as passed_at,
        _load_seq
    from {{ ref('stg_okta__log') }}
    where
        event_type = 'user.authentication.auth_via_mfa' and outcome_result in ('SUCCESS', 'ALLOW')
        and {{ is_incoming('okta') }}

),

auth0 as (

    select
        workspace_id,
        {{ key(["'auth0'", 'auth0_log_id']) }} as factor_id,
        'auth0' as provider,
        user_id,
        session_id,
        logged_at as passed_at,
        _load_seq
    from {{ ref('stg_auth0__log') }}
    where event_type in ('gd_auth_succeed', 'gd_recovery_succeed') and {{ is_incoming('auth0') }}

)

select * from okta
union all
select * from auth0
