{# The journal: which rows of a relation which build has written. Whoever copies a relation further (a publication) or
   makes something of it takes what was written since it looked last; no time of an event decides anything.

   raw._build_number holds one row: whose journal this is, and the number of the last build (a run of dbt).
   raw._written has a row for each row written, named by its key in its workspace; without a key: all of the relation.
   Rows are noted in the transaction that writes them, so a killed build has noted what it has written and nothing else. #}

{# How many builds the journal reaches back; warehouse/journal.py takes what was copied before that for unknown. #}
{% macro journal_reach() -%} 150 {%- endmacro %}

{% macro begin_build() -%}
    {%- if flags.WHICH in ('build', 'run') -%}
    begin;
    create schema if not exists raw;
    create table if not exists raw._build_number (build_id text not null, number bigint not null);
    create table if not exists raw._written (
        relation text not null, number bigint not null, key_column text, workspace_id text, key text
    );
    insert into raw._build_number
    select md5(cast(random() as text) || cast(now() as text)), 0
    where not exists (select 1 from raw._build_number);
    update raw._build_number set number = number + 1;
    delete from raw._written
    where
        (key is not null and number <= (select number from raw._build_number) - {{ journal_reach() }})
        or (
            key is null and exists (
                select 1 from raw._written as later
                where later.relation = _written.relation and later.key is null and later.number > _written.number
            )
        );
    commit
    {%- endif -%}
{%- endmacro %}

{# Before a table is made, or an incremental one made anew. #}
{% macro note_whole() -%}
    {%- if model.config.materialized == 'table' or (model.config.materialized == 'incremental' and not is_incremental()) -%}
        insert into raw._written (relation, number)
        select '{{ this.schema }}.{{ this.name }}', number from raw._build_number
    {%- endif -%}
{%- endmacro %}

{# Delete and insert by key, with a note of every key. The key is unique in a workspace. #}
{% macro get_incremental_noted_sql(arg_dict) -%}
    {%- set key = arg_dict['unique_key'][1] -%}
    insert into raw._written (relation, number, key_column, workspace_id, key)
    select '{{ this.schema }}.{{ this.name }}', build.number, '{{ key }}', incoming.workspace_id, incoming.{{ key }}
    from {{ arg_dict['temp_relation'] }} as incoming
    cross join raw._build_number as build;
    {{ get_incremental_delete_insert_sql(arg_dict) }}
{%- endmacro %}
