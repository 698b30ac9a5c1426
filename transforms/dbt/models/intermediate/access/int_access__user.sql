with users as (

    select * from {{ ref('int_identity__provider_user') }}

),

-- the last word on each user's second factor
factors as (

    select
        workspace_id,
        user_id,
        action,
        row_number() over (
            partition by workspace_id, user_id order by changed_at desc, iam_change_id asc
        ) as position
    from {{ ref('int_access__iam_change') }}
    where outcome = 'success' and action_group = 'mfa'

),

-- lists do not show who was deleted for good; an id may be taken again later
deletions as (

    select workspace_id, user_id, max(changed_at) as deleted_at
    from {{ ref('int_access__iam_change') }}
    where
        outcome = 'success'
        and (action like 'user.lifecycle.delete%' or action in ('du', 'sdu'))
        and action <> 'user.lifecycle.delete.initiated'
    group by workspace_id, user_id

),

logins as (

    select workspace_id, user_id, max(login_at) as last_login_at
    from {{ ref('int_access__login') }}
    where outcome = 'success'
    group by workspace_id, user_id

)

select
    users.workspace_id,
    users.user_id,
    users.provider,
    users.email,
    users.normalised_email,
    users.full_name,
    case when deletions.deleted_at is not null then 'deleted' else users.status end as status,
    users.user_type,
    users.created_at,
    coalesce(users.deactivated_at, deletions.deleted_at) as deactivated_at,
    logins.last_login_at,
    coalesce(
        factors.action like '%.activate' or factors.action in ('gd_enrollment_complete', 'gd_update_device_account'),
        users.is_mfa_listed,
        false
    ) as is_mfa_enrolled
from users
left join factors
    on users.workspace_id = factors.workspace_id and users.user_id = factors.user_id and factors.position = 1
left join deletions
    on
        users.workspace_id = deletions.workspace_id
        and users.user_id = deletions.user_id
        and users.created_at <= deletions.deleted_at
left join logins
    on users.workspace_id = logins.workspace_id and users.user_id = logins.user_id
