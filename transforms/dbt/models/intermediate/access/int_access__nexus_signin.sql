{% set network = "coalesce(" ~ json_text('data', 'network') ~ ", " ~ json_text('data', 'address') ~ ")" %}

-- whose address was typed in stays with the identity service: its events name people by id,
-- and where they were is sealed under their key since version 2: the network and the browser's name remain
with signins as (

    select
        workspace_id,
        {{ key(["'nexus'", 'event_id']) }} as login_id,
        'nexus' as provider,
        event_id as provider_login_id,
        {{ json_text('data', 'user_id') }} as user_id,
        cast(null as text) as user_email,
        cast(null as text) as named_customer_id,
        occurred_at as login_at,
        case when event_type = 'identity.signin.succeeded' then 'success' else 'failure' end as outcome,
        {{ json_text('data', 'reason') }} as reason,
        {{ address_only(network) }} as ip_address,
        cast(null as text) as country_code,
        coalesce({{ json_text('data', 'browser') }}, {{ json_text('data', 'user_agent') }}) as user_agent,
        {{ json_text('data', 'session_id') }} as session_id,
        case
            when event_type = 'identity.signin.succeeded'
                then
                    {{ json_part('data', 'methods') }} like '%"mfa"%'
                    or {{ json_part('data', 'methods') }} like '%"otp"%'
                    or {{ json_part('data', 'methods') }} like '%"hwk"%'
        end as is_named_mfa,
        _load_seq
    from {{ ref('stg_nexus__event') }}
    where event_type in ('identity.signin.succeeded', 'identity.signin.failed')

)

select * from signins
