{# PostgreSQL plans by statistics, and a table filled a moment ago has none: what should be a hash join becomes a nested
   loop over everything. DuckDB needs none of this, so both macros give nothing there. #}

{# Before a run: raw tables of which more than a tenth changed since they were last looked at. #}
{% macro analyze_raw() -%}
    {{ return(adapter.dispatch('analyze_raw', 'nexus')()) }}
{%- endmacro %}

{% macro duckdb__analyze_raw() -%}
{%- endmacro %}

{% macro postgres__analyze_raw() -%}
    do $$
    declare stale record;
    begin
        for stale in
            select schemaname, relname from pg_stat_user_tables
            where schemaname = 'raw' and n_mod_since_analyze > 0.1 * n_live_tup
        loop
            execute format('analyze %I.%I', stale.schemaname, stale.relname);
        end loop;
    end $$
{%- endmacro %}

{# After a table was built. #}
{% macro analyze_this() -%}
    {{ return(adapter.dispatch('analyze_this', 'nexus')()) }}
{%- endmacro %}

{% macro duckdb__analyze_this() -%}
{%- endmacro %}

{% macro postgres__analyze_this() -%}
    {%- if model.config.materialized in ('table', 'incremental') -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}

{# Before a table is built: how many rows come out of a step is guessed too low, and then PostgreSQL loops, or merges on
   the workspace alone and compares everything with everything. Every join here is over whole sets, so hashing is never
   far off; where no key is equal it still loops. #}
{% macro plan_for_sets() -%}
    {{ return(adapter.dispatch('plan_for_sets', 'nexus')()) }}
{%- endmacro %}

{% macro duckdb__plan_for_sets() -%}
{%- endmacro %}

{% macro postgres__plan_for_sets() -%}
    {%- if model.config.materialized in ('table', 'incremental') -%}
        set local enable_nestloop = off; set local enable_mergejoin = off
    {%- endif -%}
{%- endmacro %}
