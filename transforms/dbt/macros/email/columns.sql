{# Columns that the events of every provider share, in the order in which they are put on top of each other. #}
{% macro email_event_columns() -%}
    {{ return([
        'workspace_id', 'email_event_id', 'provider', 'message_id', 'provider_message_id', 'recipient_email',
        'claimed_customer_id', 'campaign_id', 'arm_code', 'template_code', 'subject', 'event', 'event_at',
        'message_sent_at', 'url', 'reason',
        'user_agent', 'ip_address', 'is_flagged_machine', '_load_seq'
    ]) }}
{%- endmacro %}

{# One row per row of `events` in those columns, in their order: int_email__event puts them below rows that it holds. `id` is
   the column of the provider's id; `own` says what a column is where it is not of that name there. An event belongs to a
   message of one recipient, or to none. #}
{% macro as_email_event(events, id, own) -%}
{%- set message -%}
    case
        when provider_message_id is not null and recipient_email is not null
            then {{ key(['provider', 'provider_message_id', 'recipient_email']) }}
    end
{%- endset -%}
{%- set made = {
    'email_event_id': key(['provider', id]),
    'message_id': message,
    'event': email_event_name('provider', 'provider_event', own.get('provider_subtype', 'provider_subtype')),
} -%}
{%- set said = dict(own, **made) -%}
select
    {%- for column in email_event_columns() %}
    {% if column in said %}{{ said[column] }} as {% endif %}{{ column }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from {{ events }}
{%- endmacro %}
