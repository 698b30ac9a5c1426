{# What an event of Auth0's log means: https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes. Silent renewals,
   exchanges of codes and tokens of machines are no attempts to sign in. #}

{# How an attempt to sign in ended; null for an event that is none. #}
{% macro auth0_login_outcome(event_type) -%}
    case
        when {{ event_type }} in ('s', 'sepft', 'sens', 'sede') or {{ auth0_is_second_factor_exchange(event_type) }}
            then 'success'
        when
            {{ event_type }} in (
                'f', 'fp', 'fu', 'fepft', 'fens', 'feotpft', 'feoobft', 'fercft', 'pwd_leak', 'limit_wc', 'limit_mu',
                'limit_sul'
            ) then 'failure'
        when {{ event_type }} = 'mfar' then 'challenge'
    end
{%- endmacro %}

{# Condition: a password was exchanged together with a second factor. #}
{% macro auth0_is_second_factor_exchange(event_type) -%}
    {{ event_type }} in ('seotpft', 'seoobft', 'sercft')
{%- endmacro %}

{# Condition: an event that changes a user, role, factor, group or policy. Operations that read change nothing. #}
{% macro auth0_is_change(event_type, request_method) -%}
    (
        {{ event_type }} in (
            'ss', 'fs', 'du', 'sdu', 'fdu', 'scu', 'fcu', 'sce', 'fce', 'scp', 'fcp', 'scpn', 'fcpn', 'ublkdu', 'sui',
            'fui', 'gd_enrollment_complete', 'gd_unenroll', 'gd_update_device_account', 'gd_tenant_update'
        )
        or ({{ event_type }} in ('sapi', 'fapi') and coalesce({{ request_method }}, '') <> 'get')
    )
{%- endmacro %}

{# What was changed: user, role, mfa, group or policy; of an operation by its path. #}
{% macro auth0_change_group(event_type, path) -%}
    case
        when {{ event_type }} = 'gd_tenant_update' then 'policy'
        when {{ event_type }} like 'gd_%' then 'mfa'
        when {{ event_type }} not in ('sapi', 'fapi') then 'user'
        when {{ path }} like '%/roles%' or {{ path }} like '%/permissions%' then 'role'
        when
            {{ regex_found('coalesce(' ~ path ~ ", '')", 'guardian|multifactor|authenticat(ors|ion-methods)|enrollments') }}
            then 'mfa'
        when {{ path }} like '%/organizations%' then 'group'
        when {{ path }} like '/api/v2/users%' or {{ path }} like '/api/v2/jobs/users%' then 'user'
        else 'policy'
    end
{%- endmacro %}
