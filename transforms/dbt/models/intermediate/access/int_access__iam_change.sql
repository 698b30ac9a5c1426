{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'iam_change_id'],
    on_schema_change='append_new_columns'
) }}

with okta as (

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
    from {{ ref('stg_okta__log') }}
    where
        (
            event_type like 'user.lifecycle.%'
            or event_type like 'user.account.%' or event_type like 'user.mfa.factor.%'
            or event_type like 'group.%' or event_type like 'zone.%'
            or (event_type like 'policy.%' and event_type not like 'policy.evaluate%')
        )
        and {{ is_incoming('okta') }}

),

auth0 as (

    -- an operation names its user in the path and its administrator beside it; other events are done by their user
    select
        workspace_id,
        {{ key(["'auth0'", 'auth0_log_id']) }} as iam_change_id,
        'auth0' as provider,
        auth0_log_id as provider_change_id,
        case when event_type in ('sapi', 'fapi') then coalesce(description, event_type) else event_type end as action,
        {{ auth0_change_group('event_type', 'request_path') }} as action_group,
        logged_at as changed_at,
        case
            when event_type in ('sapi', 'fapi') then coalesce(actor_id, user_id)
            when event_type not in ('du', 'sdu', 'fdu', 'ublkdu', 'sui', 'fui') then user_id
        end as actor_id,
        case
            when event_type in ('sapi', 'fapi') then lower(coalesce(actor_email, user_name))
            when event_type not in ('du', 'sdu', 'fdu', 'ublkdu', 'sui', 'fui') then lower(user_name)
        end as actor_email,
        case when event_type in ('sapi', 'fapi') then request_user_id else user_id end as user_id,
        organization_id as group_id,
        organization_name as group_name,
        case
            when event_type in ('sapi', 'fapi') then coalesce(request_user_id, request_path)
            else user_id
        end as target_id,
        case when event_type like 'f%' then 'failure' else 'success' end as outcome,
        _load_seq
    from {{ ref('stg_auth0__log') }}
    where {{ auth0_is_change('event_type', 'request_method') }} and {{ is_incoming('auth0') }}

),

calls as (

    select
        *,
        {{ json_text('request_parameters', 'userName') }} as user_name,
        {{ json_text('request_parameters', 'groupName') }} as changed_group,
        coalesce(
            {{ json_text('request_parameters', 'roleName') }},
            {{ json_text('request_parameters', 'instanceProfileName') }},
            {{ json_text('request_parameters', 'policyArn') }},
            {{ json_text('request_parameters', 'policyName') }}
        ) as changed_thing
    from {{ ref('stg_cloudtrail__event') }}
    where event_source = 'iam.amazonaws.com' and not is_read_only and {{ is_incoming('cloudtrail') }}

),

cloudtrail as (

    -- names, because what is made has no id yet when it is asked for; users of a cloud are none of the product
    select
        workspace_id,
        {{ key(["'cloudtrail'", 'cloudtrail_event_id']) }} as iam_change_id,
        'cloudtrail' as provider,
        cloudtrail_event_id as provider_change_id,
        event_name as action,
        {{ iam_action_group('event_name') }} as action_group,
        occurred_at as changed_at,
        actor_id,
        lower({{ aws_actor_name('actor_name', 'actor_id') }}) as actor_email,
        cast(null as text) as user_id,
        cast(null as text) as group_id,
        changed_group as group_name,
        coalesce(user_name, changed_group, changed_thing) as target_id,
        {{ aws_outcome('error_code', 'response_elements') }} as outcome,
        _load_seq
    from calls

)

select * from okta
union all
select * from auth0
union all
select * from cloudtrail
