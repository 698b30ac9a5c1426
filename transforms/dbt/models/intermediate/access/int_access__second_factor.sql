{{ config(
    materialized='incremental', incremental_strategy='synced', unique_key=['workspace_id', 'login_id'],
    on_schema_change='append_new_columns'
) }}

with factors as (

    select workspace_id, user_id, session_id, passed_at
    from {{ ref('int_access__factor') }}

),

logins as (

    select workspace_id, login_id, user_id, session_id, login_at
    from {{ ref('int_access__login') }}
    where provider in ('okta', 'auth0') and outcome = 'success'

),

-- a factor proves the sign-in of its session; others are loose: they were asked for before the session had its id
proven as (

    select factors.workspace_id, factors.user_id, factors.passed_at, logins.login_id
    from factors
    left join logins
        on
            factors.workspace_id = logins.workspace_id
            and factors.user_id = logins.user_id
            and factors.session_id = logins.session_id

),

loose as (

    select workspace_id, user_id, passed_at
    from proven
    where login_id is null

),

in_order as (

    select workspace_id, user_id, login_at as happened_at, login_id, cast(null as timestamp) as passed_at
    from logins
    where (workspace_id, user_id) in (select loose.workspace_id, loose.user_id from loose)
    union all
    select workspace_id, user_id, passed_at as happened_at, null as login_id, passed_at
    from loose

),

-- it counts for the next sign-in of its user and for no other
following as (

    select
        workspace_id,
        login_id,
        happened_at,
        lag(passed_at) over (
            partition by workspace_id, user_id order by happened_at, login_id nulls first
        ) as passed_before
    from in_order

)

select workspace_id, login_id
from proven
where login_id is not null
union
select workspace_id, login_id
from following
where login_id is not null and passed_before >= happened_at - interval '1 minute'
