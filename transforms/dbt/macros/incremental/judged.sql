{# What a test has to read: a test of single rows, or of rows that share a key, that has passed need not read again what was
   not written since. raw._judged says up to which build each has passed; warehouse/judged.py keeps that of gates there, too.
   A full refresh, a relation made anew, a changed project and a test that failed read everything. #}

{% macro judged_table() -%}
    create table if not exists raw._judged (gate text not null, stamp text not null, number bigint not null)
{%- endmacro %}

{# At the end of a run: its tests that passed have passed up to this build. #}
{% macro note_passed(results) -%}
    {%- set passed = [] -%}
    {%- for result in results if execute and result.node.resource_type == 'test' and result.status == 'pass' -%}
        {%- do passed.append("'" ~ result.node.unique_id ~ "'") -%}
    {%- endfor -%}
    {%- if passed -%}
    delete from raw._judged where gate in ({{ passed | join(', ') }});
    insert into raw._judged (gate, stamp, number)
    select test.gate, build.build_id, build.number
    from (values ({{ passed | join('), (') }})) as test (gate)
    cross join raw._build_number as build
    {%- endif -%}
{%- endmacro %}

{# Rows of a relation that the test at hand has to read, as a relation. `together` are the columns by which rows are judged
   together; it must hold the key by which they are noted. #}
{% macro rows_to_judge(relation, together=none) -%}
    {%- set key = noted_key(relation) -%}
    {%- set apart = together is none or (key in together and 'workspace_id' in together) -%}
    {%- set since = passed_since([relation]) if key and apart else none -%}
    {%- if since is none -%} {{ relation }}
    {%- else -%}
    (
        select *
        from {{ relation }}
        where (workspace_id, cast({{ key }} as text)) in ({{ keys_written(relation, since) }})
    )
    {%- endif -%}
{%- endmacro %}

{# The build up to which the test at hand has passed; none where something was written whole since, or it is not known. #}
{% macro passed_since(relations) -%}
    {%- if not execute or flags.FULL_REFRESH -%} {{ return(none) }} {%- endif -%}
    {%- set listed = [] -%}
    {%- for relation in relations -%} {%- do listed.append("'" ~ journal_name(relation) ~ "'") -%} {%- endfor -%}
    {%- set found = run_query(
        "select judged.number, build.number, ("
        ~ "select count(*) from raw._written as written where written.key is null and written.number > judged.number"
        ~ " and written.relation in (" ~ listed | join(', ') ~ "))"
        ~ " from raw._judged as judged inner join raw._build_number as build on judged.stamp = build.build_id"
        ~ " where judged.gate = '" ~ model.unique_id ~ "'"
    ).rows -%}
    {%- if not found or found[0][0] <= found[0][1] - journal_reach() | int or found[0][2] > 0 -%} {{ return(none) }} {%- endif -%}
    {{ return(found[0][0] | int) }}
{%- endmacro %}

{# The column by which rows of a relation are noted; none if they are not. #}
{% macro noted_key(relation) -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == relation.identifier -%}
            {%- if node.config.materialized == 'incremental' -%} {{ return(node.config.unique_key[1]) }} {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# The same of a test that looks for what stands in `column` in `field` of another relation: rows written there are looked for
   again, since one may be gone. #}
{% macro rows_that_relate(relation, column, to, field) -%}
    {%- set key = noted_key(relation) -%}
    {%- set since = passed_since([relation, to]) if key else none -%}
    {%- set gone = noted_key(to) -%}
    {%- if since is none or is_view(to) or (gone and gone != field) -%} {{ relation }}
    {%- else -%}
    (
        select *
        from {{ relation }}
        where
            (workspace_id, cast({{ key }} as text)) in ({{ keys_written(relation, since) }})
            or (workspace_id, {{ column }}) in ({{ keys_written(to, since) }})
    )
    {%- endif -%}
{%- endmacro %}

{# Whether a relation has no rows of its own, and so nobody notes them. #}
{% macro is_view(relation) -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == relation.identifier -%}
        {{ return(node.config.materialized not in ('table', 'incremental')) }}
    {%- endfor -%}
    {{ return(true) }}
{%- endmacro %}
