{# Point-in-time windows. A feature model puts the facts of a day (day_date) and the snapshots (day_date = snapshot_date)
   into one relation of customers, and sums backwards from each snapshot: nothing later can be seen from there. #}

{# Sum over the last `days` days up to and including the row's own day, leaving out the latest `skip` days; bigint. #}
{% macro sum_last_days(expression, days, skip=0) -%}
    cast(
        coalesce(
            sum({{ expression }}) over (
                partition by workspace_id, customer_id
                order by day_date
                range between interval '{{ days - 1 }} days' preceding
                and {% if skip %}interval '{{ skip }} days' preceding{% else %}current row{% endif %}
            ), 0
        ) as bigint
    )
{%- endmacro %}

{# Latest day so far for which the condition holds, null if there was none. #}
{% macro last_day_with(condition) -%}
    max(case when {{ condition }} then day_date end) over (
        partition by workspace_id, customer_id
        order by day_date
        range between unbounded preceding and current row
    )
{%- endmacro %}

{# Change from an earlier to a later whole number in per cent, numeric(18,6); null where it started from nothing. #}
{% macro change_pct(later, earlier) -%}
    {{ pct('(' ~ later ~ ' - ' ~ earlier ~ ')', earlier) }}
{%- endmacro %}
