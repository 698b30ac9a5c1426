{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['workspace_id', 'iam_change_id'],
    on_schema_change='append_new_columns'
) }}

with log as (

    select *
    from {{ ref('stg_okta__log') }}

),

changes as (

    select
        workspace_id,
        {{ key(["'okta'", 'okta_log_id']) }} as iam_change_id,
        'okta' as provider,
        okta_log_id as provider_change_id,
        event_type as action,
        case
            when event_type like 'user.account.privilege.%' or event_type like 'group.privilege.%' then 'role'
            when event_type like 'user.mfa.%' or event_type like 'system.mfa.%' then 'mfa'
            when event_type like 'group.%' then 'group'
            when event_type like 'policy.%' or event_type like 'zone.%' then 'policy'
            else 'user'
        end as action_group,
        logged_at as changed_at,
        actor_id,
        actor_login as actor_email,
        case
            when target_type = 'User' then target_id
            when second_target_type = 'User' then second_target_id
        end as user_id,
        case
            when target_type = 'UserGroup' then target_id
            when second_target_type = 'UserGroup' then second_target_id
        end as group_id,
        case
            when target_type = 'UserGroup' then target_name
            when second_target_type = 'UserGroup' then second_target_name
        end as group_name,
        target_id,
        case when outcome_result in ('SUCCESS', 'ALLOW') then 'success' else 'failure' end as outcome,
        _load_seq
    from log
    where
        (
            event_type like 'user.lifecycle.%'
            or event_type like 'user.account.%'
            or event_type like 'user.mfa.factor.%'
            or event_type like 'group.%'
            or event_type like 'zone.%'
            or (event_type like 'policy.%' and event_type not like 'policy.evaluate%')
        )
        and {{ is_incoming('okta') }}

)

select * from changes
