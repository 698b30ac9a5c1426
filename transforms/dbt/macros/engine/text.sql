{# Text that must compare, sort and hash alike on both engines. #}

{# Orders by bytes whatever the database's collation: for `order by` over text that decides a result. #}
{% macro bytewise(expression) -%}
    {{ return(adapter.dispatch('bytewise', 'nexus')(expression)) }}
{%- endmacro %}

{% macro duckdb__bytewise(expression) -%}
    {{ expression }}
{%- endmacro %}

{% macro postgres__bytewise(expression) -%}
    ({{ expression }} collate "C")
{%- endmacro %}

{# Least text by bytes, whatever the database's collation. #}
{% macro min_text(expression) -%}
    {{ return(adapter.dispatch('min_text', 'nexus')(expression)) }}
{%- endmacro %}

{% macro duckdb__min_text(expression) -%}
    min({{ expression }})
{%- endmacro %}

{% macro postgres__min_text(expression) -%}
    (min({{ expression }} collate "C") collate "default")
{%- endmacro %}

{# Surrogate key: md5 over the parts; null and '' differ, and parts cannot run into each other. #}
{% macro key(parts) -%}
    md5(
        {%- for part in parts %}
        coalesce(replace(cast({{ part }} as text), '|', '||'), '\N'){% if not loop.last %} || '|-|' || {% endif %}
        {%- endfor %}
    )
{%- endmacro %}

{# E-mail as identity: trimmed, lower case, without plus tag; null for what is no address. #}
{% macro normalise_email(email) -%}
    case
        when {{ email }} like '%_@_%' then regexp_replace(lower(trim({{ email }})), '\+[^@]*@', '@')
    end
{%- endmacro %}

{# Domain of an e-mail address, lower case. #}
{% macro email_domain(email) -%}
    nullif(lower(split_part(trim({{ email }}), '@', 2)), '')
{%- endmacro %}

{# First group of a regular expression (POSIX and RE2 alike), null without a match. #}
{% macro regex_group(expression, pattern) -%}
    {{ return(adapter.dispatch('regex_group', 'nexus')(expression, pattern)) }}
{%- endmacro %}

{% macro duckdb__regex_group(expression, pattern) -%}
    nullif(regexp_extract({{ expression }}, '{{ pattern }}', 1), '')
{%- endmacro %}

{% macro postgres__regex_group(expression, pattern) -%}
    nullif(substring({{ expression }} from '{{ pattern }}'), '')
{%- endmacro %}

{# Whether a regular expression is found anywhere in a text. #}
{% macro regex_found(expression, pattern) -%}
    {{ return(adapter.dispatch('regex_found', 'nexus')(expression, pattern)) }}
{%- endmacro %}

{% macro duckdb__regex_found(expression, pattern) -%}
    regexp_matches({{ expression }}, '{{ pattern }}')
{%- endmacro %}

{% macro postgres__regex_found(expression, pattern) -%}
    ({{ expression }} ~ '{{ pattern }}')
{%- endmacro %}
