with users as (

    select * from {{ ref('stg_okta__user') }}

),

-- the last word on each user's second factor
factors as (

    select
        workspace_id,
        user_id,
        action,
        row_number() over (
            partition by workspace_id, user_id order by changed_at desc, iam_change_id
        ) as position
    from {{ ref('int_access__iam_change') }}
    where outcome = 'success' and action_group = 'mfa'

),

logins as (

    select workspace_id, user_id, max(login_at) as last_login_at
    from {{ ref('int_access__login') }}
    where outcome = 'success'
    group by workspace_id, user_id

)

select
    users.workspace_id,
    users.okta_user_id as user_id,
    'okta' as provider,
    lower(trim(users.email)) as email,
    users.normalised_email,
    nullif(trim(coalesce(users.first_name, '') || ' ' || coalesce(users.last_name, '')), '') as full_name,
    lower(users.status) as status,
    users.user_type,
    users.created_at,
    case when users.status = 'DEPROVISIONED' then users.status_changed_at end as deactivated_at,
    logins.last_login_at,
    coalesce(factors.action like '%.activate', false) as is_mfa_enrolled
from users
left join factors
    on users.workspace_id = factors.workspace_id and users.okta_user_id = factors.user_id and factors.position = 1
left join logins
    on users.workspace_id = logins.workspace_id and users.okta_user_id = logins.user_id
