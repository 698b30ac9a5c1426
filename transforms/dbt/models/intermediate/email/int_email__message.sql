{{ config(
    materialized='incremental', incremental_strategy='touched', unique_key=['workspace_id', 'message_id'],
    on_schema_change='append_new_columns'
) }}

{% set flags = [
    'is_delivered', 'is_bounced_hard', 'is_bounced_soft', 'is_complained', 'is_opened_human', 'is_opened_machine',
    'is_clicked_human', 'is_clicked_scanner', 'is_unsubscribed'
] %}
{% set told = ['provider_message_id', 'recipient_email', 'claimed_customer_id', 'campaign_id', 'arm_code', 'subject'] %}
{% set pending = is_pending(
    by={'email_event_id': [ref('int_email__event')]}, whole=[ref('int_email__tabular_message')]
) %}

-- noqa: disable=LT02
with touched as (

    select distinct workspace_id, message_id
    from {{ ref('int_email__event') }}
    where message_id is not null and {{ pending }}

),

from_events as (

    select
        workspace_id,
        message_id,
        provider,
        {% for attribute in told + ['template_code'] -%}
        min({{ bytewise(attribute) }}) as {{ attribute }},
        {% endfor -%}
        coalesce(min(message_sent_at), min(case when event = 'accepted' then event_at end), min(event_at)) as sent_at,
        bool_or(event = 'delivered') as is_delivered,
        bool_or(event = 'deferred') as is_deferred,
        bool_or(event = 'dropped') as is_dropped,
        bool_or(event = 'bounced_hard') as is_bounced_hard,
        bool_or(event = 'bounced_soft') as is_bounced_soft,
        bool_or(event = 'complained') as is_complained,
        bool_or(event = 'opened' and not is_machine_open) as is_opened_human,
        bool_or(is_machine_open) as is_opened_machine,
        bool_or(event = 'clicked' and not is_scanner_click) as is_clicked_human,
        bool_or(is_scanner_click) as is_clicked_scanner,
        bool_or(event = 'unsubscribed') as is_unsubscribed
    from {{ ref('int_email__event') }}
    where (workspace_id, message_id) in (select touched.workspace_id, touched.message_id from touched)
    group by workspace_id, message_id, provider

),

from_tables as (

    select *
    from {{ ref('int_email__tabular_message') }}
    {%- if everything() not in pending %}
    where (workspace_id, message_id) in (select touched.workspace_id, touched.message_id from touched)
    {%- endif %}

)

-- a table of messages says what it says; what it leaves open, its events may tell
select
    coalesce(from_tables.workspace_id, from_events.workspace_id) as workspace_id,
    coalesce(from_tables.message_id, from_events.message_id) as message_id,
    coalesce(from_tables.provider, from_events.provider) as provider,
    {% for attribute in told + ['sent_at'] + flags -%}
    coalesce(from_tables.{{ attribute }}, from_events.{{ attribute }}) as {{ attribute }},
    {% endfor -%}
    from_events.template_code,
    from_events.is_deferred,
    from_events.is_dropped,
    from_tables.category,
    coalesce(from_tables.is_holdout, false) as is_holdout,
    from_tables.is_visited,
    from_tables.is_converted,
    from_tables.spend_minor,
    from_tables.currency
from from_events
full outer join from_tables
    on from_events.workspace_id = from_tables.workspace_id and from_events.message_id = from_tables.message_id
