{# Columns that the events of every provider share, in the order in which they are put on top of each other. #}
{% macro email_event_columns() -%}
    {{ return([
        'workspace_id', 'email_event_id', 'provider', 'message_id', 'provider_message_id', 'recipient_email',
        'claimed_customer_id', 'campaign_id', 'arm_code', 'template_code', 'subject', 'event', 'event_at',
        'message_sent_at', 'url', 'reason',
        'user_agent', 'ip_address', 'is_flagged_machine', '_load_seq'
    ]) }}
{%- endmacro %}
