{# Snapshots for which a test works every feature out again, from timestamps and with plain subqueries: a few hundred,
   always the same ones, spread over customers and months. #}
{% macro snapshot_sample() -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by workspace_id order by md5(customer_id || cast(snapshot_date as text)), customer_id
            ) as position
        from {{ ref('int_customer__snapshot') }}
    ) as numbered
    where position <= 200
{%- endmacro %}

{# Condition: a moment lies in the `days` days before the end of the snapshot, leaving out the latest `skip` days. #}
{% macro within_days(moment, days, skip=0) -%}
    {{ moment }} < sample.event_timestamp - interval '{{ skip }} days'
    and {{ moment }} >= sample.event_timestamp - interval '{{ days }} days'
{%- endmacro %}
