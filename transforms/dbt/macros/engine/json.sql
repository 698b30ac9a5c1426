{# JSON is kept as text in raw tables; these read it. A path is given as parts: json_text('details', 'plan', 'id'). #}

{# Value at a path as text; null where it is absent or JSON null. #}
{% macro json_text(document) -%}
    {{ return(adapter.dispatch('json_text', 'nexus')(document, varargs)) }}
{%- endmacro %}

{% macro duckdb__json_text(document, path) -%}
    json_extract_string({{ document }}, '{{ json_path(path) }}')
{%- endmacro %}

{% macro postgres__json_text(document, path) -%}
    (cast({{ document }} as jsonb) #>> '{ {{- path | join(',') -}} }')
{%- endmacro %}

{# Value at a path, still JSON, as text. #}
{% macro json_part(document) -%}
    {{ return(adapter.dispatch('json_part', 'nexus')(document, varargs)) }}
{%- endmacro %}

{% macro duckdb__json_part(document, path) -%}
    cast(json_extract({{ document }}, '{{ json_path(path) }}') as varchar)
{%- endmacro %}

{% macro postgres__json_part(document, path) -%}
    cast((cast({{ document }} as jsonb) #> '{ {{- path | join(',') -}} }') as text)
{%- endmacro %}

{# In the select list: one row per element of a JSON array, each as JSON text. Rows without elements vanish. #}
{% macro json_elements(document) -%}
    {{ return(adapter.dispatch('json_elements', 'nexus')(document)) }}
{%- endmacro %}

{% macro duckdb__json_elements(document) -%}
    unnest(cast(json_extract({{ document }}, '$[*]') as varchar[]))
{%- endmacro %}

{% macro postgres__json_elements(document) -%}
    cast(
        jsonb_array_elements(
            case when jsonb_typeof(cast({{ document }} as jsonb)) = 'array' then cast({{ document }} as jsonb) end
        ) as text
    )
{%- endmacro %}

{# In the select list: one row per member of a JSON object, as (entry).key and (entry).value, both text. #}
{% macro json_entries(document) -%}
    {{ return(adapter.dispatch('json_entries', 'nexus')(document)) }}
{%- endmacro %}

{% macro duckdb__json_entries(document) -%}
    unnest(map_entries(cast(cast({{ document }} as json) as map(varchar, varchar))))
{%- endmacro %}

{% macro postgres__json_entries(document) -%}
    jsonb_each_text(cast({{ document }} as jsonb))
{%- endmacro %}

{% macro json_path(path) -%}
    $ {%- for part in path -%}
        {%- if part is number -%} [{{ part }}] {%- else -%} ."{{ part }}" {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
