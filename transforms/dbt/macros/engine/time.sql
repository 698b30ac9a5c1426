{# Times are `timestamp` without zone and hold UTC on both engines. #}

{# Whole seconds since 1970 of a timestamp. #}
{% macro epoch_seconds(moment) -%}
    {{ return(adapter.dispatch('epoch_seconds', 'nexus')(moment)) }}
{%- endmacro %}

{% macro duckdb__epoch_seconds(moment) -%}
    cast(floor(epoch({{ moment }})) as bigint)
{%- endmacro %}

{% macro postgres__epoch_seconds(moment) -%}
    cast(floor(extract(epoch from {{ moment }})) as bigint)
{%- endmacro %}

{# Timestamp of whole seconds since 1970. #}
{% macro from_epoch(seconds) -%}
    (timestamp '1970-01-01 00:00:00' + {{ seconds }} * interval '1 second')
{%- endmacro %}

{# Whole seconds from one timestamp to a later one (negative if earlier), fractions cut off downwards. #}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between', 'nexus')(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%}
    cast(floor((epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000) as bigint)
{%- endmacro %}

{% macro postgres__seconds_between(earlier, later) -%}
    cast(floor(extract(epoch from ({{ later }} - {{ earlier }}))) as bigint)
{%- endmacro %}

{# Whole days from one date to a later one. #}
{% macro days_between(earlier, later) -%}
    cast({{ later }} - {{ earlier }} as integer)
{%- endmacro %}

{# First day of the month of a date or timestamp. #}
{% macro month_of(moment) -%}
    cast(date_trunc('month', {{ moment }}) as date)
{%- endmacro %}

{# Last day of the month of a date. #}
{% macro month_end_of(day) -%}
    cast(date_trunc('month', {{ day }}) + interval '1 month' - interval '1 day' as date)
{%- endmacro %}

{# In the select list: one row per day (or other step) from first to last, both included; cast it to date afterwards.
   No row where first lies after last. #}
{% macro days_from_to(first, last, step='1 day') -%}
    {{ return(adapter.dispatch('days_from_to', 'nexus')(first, last, step)) }}
{%- endmacro %}

{% macro duckdb__days_from_to(first, last, step) -%}
    unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '{{ step }}'))
{%- endmacro %}

{% macro postgres__days_from_to(first, last, step) -%}
    generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '{{ step }}')
{%- endmacro %}
