{{ config(
    materialized='incremental', incremental_strategy='noted',
    unique_key=['workspace_id', 'cloud_api_call_id'], on_schema_change='append_new_columns'
) }}

with calls as (

    select
        workspace_id,
        cloud_api_call_id,
        provider,
        provider_call_id,
        service_code,
        action,
        call_group,
        called_at,
        cast(called_at as date) as call_date,
        actor_type,
        actor_id,
        actor_name,
        access_key_id,
        role_id,
        invoked_by,
        account_id,
        region,
        ip_address,
        user_agent,
        outcome,
        error_code,
        resource_id,
        request_parameters,
        is_read_only,
        is_mfa
    from {{ ref('int_access__cloud_api_call') }}

)

{{ only_changed('calls', 'cloud_api_call_id', []) }}
