{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'iam_change_id'],
    on_schema_change='append_new_columns'
) }}

with changes as (

    select *
    from {{ ref('int_access__iam_change') }}
    where {{ is_pending(by={'iam_change_id': [ref('int_access__iam_change')]}, whole=[ref('int_identity__user')]) }}

),

facts as (

    select
        changes.workspace_id,
        changes.iam_change_id,
        changes.provider,
        identity.customer_id,
        changes.actor_id,
        changes.actor_email,
        changes.target_id,
        changes.user_id,
        changes.group_id,
        changes.group_name,
        changes.changed_at,
        cast(changes.changed_at as date) as change_date,
        changes.action,
        changes.action_group,
        changes.outcome
    from changes
    left join {{ ref('int_identity__user') }} as identity
        on
            changes.workspace_id = identity.workspace_id
            and identity.source = 'user'
            and coalesce(changes.user_id, changes.actor_id) = identity.source_id

)

{{ only_changed('facts', 'iam_change_id', ['customer_id', 'action_group', 'outcome']) }}
