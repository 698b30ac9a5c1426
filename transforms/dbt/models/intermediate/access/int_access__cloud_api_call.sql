{{ config(
    materialized='incremental', incremental_strategy='noted',
    unique_key=['workspace_id', 'cloud_api_call_id'], on_schema_change='append_new_columns'
) }}

with cloudtrail as (

    select
        workspace_id,
        {{ key(["'cloudtrail'", 'cloudtrail_event_id']) }} as cloud_api_call_id,
        'cloudtrail' as provider,
        cloudtrail_event_id as provider_call_id,
        split_part(event_source, '.', 1) as service_code,
        event_name as action,
        {{ aws_call_group('event_source', 'event_name') }} as call_group,
        occurred_at as called_at,
        actor_type,
        actor_id,
        {{ aws_actor_name('actor_name', 'actor_id') }} as actor_name,
        access_key_id,
        role_id,
        invoked_by,
        account_id,
        region,
        {{ address_only('ip_address') }} as ip_address,
        user_agent,
        {{ aws_outcome('error_code', 'response_elements') }} as outcome,
        error_code,
        {{ json_text('resources', 0, 'ARN') }} as resource_id,
        request_parameters,
        coalesce(is_read_only, false) as is_read_only,
        coalesce(is_session_mfa, false) as is_mfa,
        _load_seq
    from {{ ref('stg_cloudtrail__event') }}
    where {{ is_incoming('cloudtrail') }}

)

select * from cloudtrail
