with factors as (

    select workspace_id, actor_id as user_id, session_id, logged_at as passed_at
    from {{ ref('stg_okta__log') }}
    where event_type = 'user.authentication.auth_via_mfa' and outcome_result in ('SUCCESS', 'ALLOW')

),

logins as (

    select workspace_id, login_id, user_id, session_id, login_at
    from {{ ref('int_access__login') }}
    where provider = 'okta' and outcome = 'success'

)

select distinct logins.workspace_id, logins.login_id
from logins
inner join factors
    on
        logins.workspace_id = factors.workspace_id
        and logins.user_id = factors.user_id
        and (
            logins.session_id = factors.session_id
            -- the factor is asked for before the session has its id
            or (factors.passed_at <= logins.login_at and factors.passed_at > logins.login_at - interval '1 minute')
        )
