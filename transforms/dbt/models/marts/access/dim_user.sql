select
    users.workspace_id,
    users.user_id,
    identity.customer_id,
    users.provider,
    users.email,
    users.full_name,
    users.user_type,
    users.status,
    users.created_at,
    users.deactivated_at,
    users.last_login_at,
    users.is_mfa_enrolled
from {{ ref('int_access__user') }} as users
left join {{ ref('int_identity__user') }} as identity
    on
        users.workspace_id = identity.workspace_id
        and identity.source = 'user'
        and users.user_id = identity.source_id
