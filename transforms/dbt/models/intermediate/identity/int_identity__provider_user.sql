with okta as (

    select
        workspace_id,
        'okta' as provider,
        okta_user_id as user_id,
        lower(trim(email)) as email,
        normalised_email,
        claimed_customer_id,
        organization_name,
        nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '') as full_name,
        lower(status) as status,
        user_type,
        created_at,
        case when status = 'DEPROVISIONED' then status_changed_at end as deactivated_at,
        cast(null as boolean) as is_mfa_listed
    from {{ ref('stg_okta__user') }}

),

auth0 as (

    select
        workspace_id,
        'auth0' as provider,
        auth0_user_id as user_id,
        lower(trim(email)) as email,
        normalised_email,
        claimed_customer_id,
        organization_name,
        coalesce(
            nullif(trim(coalesce(given_name, '') || ' ' || coalesce(family_name, '')), ''), display_name
        ) as full_name,
        case when is_blocked then 'blocked' else 'active' end as status,
        user_type,
        created_at,
        cast(null as timestamp) as deactivated_at,
        multifactor <> '[]' as is_mfa_listed
    from {{ ref('stg_auth0__user') }}

)

select * from okta
union all
select * from auth0
