{# The one place that knows AWS's names of calls. #}

{# What a call of IAM changed. Policies first: attaching one to a role is a change of what is allowed. #}
{% macro iam_action_group(event_name) -%}
    case
        when {{ event_name }} like '%MFADevice%' then 'mfa'
        when {{ event_name }} like '%Polic%' or {{ event_name }} like '%Provider%' then 'policy'
        when {{ event_name }} like '%Role%' or {{ event_name }} like '%InstanceProfile%' then 'role'
        when {{ event_name }} like '%Group%' then 'group'
        else 'user'
    end
{%- endmacro %}

{# Kind of a call: signing in, taking on a role, managing identities, or anything else. #}
{% macro aws_call_group(event_source, event_name) -%}
    case
        when {{ event_source }} = 'signin.amazonaws.com' then 'sign_in'
        when
            {{ event_source }} = 'sts.amazonaws.com'
            and ({{ event_name }} like 'AssumeRole%' or {{ event_name }} in ('GetSessionToken', 'GetFederationToken'))
            then 'session'
        when
            {{ event_source }} in (
                'iam.amazonaws.com', 'sso.amazonaws.com', 'sso-directory.amazonaws.com', 'identitystore.amazonaws.com',
                'organizations.amazonaws.com'
            ) then 'identity'
        else 'other'
    end
{%- endmacro %}

{# Whether a record of the trail tells of a success: sign-ins say it in words, calls by having no error. #}
{% macro aws_outcome(error_code, response_elements) -%}
    case
        when {{ error_code }} is not null or {{ json_text(response_elements, 'ConsoleLogin') }} = 'Failure'
            then 'failure'
        else 'success'
    end
{%- endmacro %}

{# Who stands behind an ARN: the name of the IAM user, or of the session of a role, which is often an address. #}
{% macro aws_actor_name(actor_name, actor_id) -%}
    coalesce({{ actor_name }}, nullif(split_part({{ actor_id }}, '/', 3), ''))
{%- endmacro %}

{# An address, or null where AWS names one of its services. #}
{% macro address_only(ip_address) -%}
    case when {{ regex_found(ip_address, '^[0-9a-fA-F:.]+$') }} then {{ ip_address }} end
{%- endmacro %}
