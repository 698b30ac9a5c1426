{{ config(
    materialized='incremental', incremental_strategy='noted', unique_key=['workspace_id', 'email_event_id'],
    on_schema_change='append_new_columns'
) }}

with incoming as (

    -- noqa: disable=LT02
    {% for provider in ['ses', 'sendgrid', 'mailgun', 'postmark', 'tabular'] -%}
    select *
    from {{ ref('int_email__' ~ provider ~ '_event') }}
    where event is not null and {{ is_incoming(provider) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
    -- noqa: enable=LT02
),

-- the flags of an event depend on the others of its message: take those along
events as (

    select * from incoming
    {%- if is_incremental() %}
    union all
    select
        {% for column in email_event_columns() %}held.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}
    from {{ this }} as held
    where
        exists (
            select 1 from incoming
            where incoming.workspace_id = held.workspace_id and incoming.message_id = held.message_id
        )
        and not exists (
            select 1 from incoming
            where incoming.workspace_id = held.workspace_id and incoming.email_event_id = held.email_event_id
        )
    {%- endif %}

),

timed as (

    select
        *,
        min(case when event = 'delivered' then event_at end) over (
            partition by workspace_id, coalesce(message_id, email_event_id)
        ) as delivered_at
    from events

),

clicks as (

    select workspace_id, message_id, email_event_id, event_at, url
    from timed
    where event = 'clicked' and message_id is not null

),

-- moments from which three different links of a message were followed within two seconds
rushes as (

    select first.workspace_id, first.message_id, first.event_at
    from clicks as first
    inner join clicks as other
        on
            first.workspace_id = other.workspace_id
            and first.message_id = other.message_id
            and other.event_at between first.event_at and first.event_at + interval '2 seconds'
    group by first.workspace_id, first.message_id, first.event_at
    having count(distinct other.url) >= 3

),

rushed as (

    select distinct clicks.workspace_id, clicks.email_event_id
    from clicks
    inner join rushes
        on
            clicks.workspace_id = rushes.workspace_id
            and clicks.message_id = rushes.message_id
            and clicks.event_at between rushes.event_at and rushes.event_at + interval '2 seconds'

)

select
    timed.workspace_id,
    {% for column in email_event_columns()[1:] %}timed.{{ column }},
    {% endfor -%}
    timed.event = 'opened' and (
        coalesce(timed.is_flagged_machine, false)
        or {{ is_machine_agent('timed.user_agent') }}
        or coalesce(
            timed.event_at >= timed.delivered_at and timed.event_at < timed.delivered_at + interval '2 seconds', false
        )
    ) as is_machine_open,
    timed.event = 'clicked' and (
        coalesce(timed.is_flagged_machine, false)
        or {{ is_scanner_agent('timed.user_agent') }}
        or coalesce(
            timed.event_at >= timed.delivered_at and timed.event_at < timed.delivered_at + interval '10 seconds', false
        )
        or rushed.email_event_id is not null
    ) as is_scanner_click
from timed
left join rushed
    on timed.workspace_id = rushed.workspace_id and timed.email_event_id = rushed.email_event_id
