{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['workspace_id', 'email_event_id'],
    on_schema_change='append_new_columns'
) }}

with incoming as (

    {% for provider in ['ses', 'sendgrid', 'tabular'] -%}
    select *
    from {{ ref('int_email__' ~ provider ~ '_event') }}
    where event is not null and {{ is_incoming(provider) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
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

-- moments from which three different links of a message were followed within two seconds
rushes as (

    select rush.workspace_id, rush.message_id, rush.event_at
    from timed as rush
    inner join timed as click
        on
            rush.workspace_id = click.workspace_id
            and rush.message_id = click.message_id
            and click.event = 'clicked'
            and click.event_at >= rush.event_at
            and click.event_at <= rush.event_at + interval '2 seconds'
    where rush.event = 'clicked'
    group by rush.workspace_id, rush.message_id, rush.event_at
    having count(distinct click.url) >= 3

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
        {{ is_scanner_agent('timed.user_agent') }}
        or coalesce(
            timed.event_at >= timed.delivered_at and timed.event_at < timed.delivered_at + interval '10 seconds', false
        )
        or exists (
            select 1
            from rushes
            where
                rushes.workspace_id = timed.workspace_id
                and rushes.message_id = timed.message_id
                and rushes.event_at <= timed.event_at
                and rushes.event_at + interval '2 seconds' >= timed.event_at
        )
    ) as is_scanner_click
from timed
