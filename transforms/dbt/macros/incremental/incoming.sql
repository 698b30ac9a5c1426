{# What an incremental model still has to read and to write. Nothing here looks at times of events: late facts are the
   normal case, so only the order of loading (_load_seq) and the values themselves decide. #}

{# Condition: this row was loaded after the newest row of its provider that the model holds. True in a full run. #}
{% macro is_incoming(provider) -%}
    {%- if is_incremental() -%}
        _load_seq > (
            select coalesce(max(held._load_seq), -1)
            from {{ this }} as held
            where held.provider = '{{ provider }}'
        )
    {%- else -%} true {%- endif -%}
{%- endmacro %}

{# Rows of `candidates` (all of them) that the model lacks or holds with other values of `watched`: what depends on
   other tables, such as the customer of a fact, changes after the fact was written. `key` is unique in a workspace. #}
{% macro only_changed(candidates, key, watched) -%}
    select {{ candidates }}.*
    from {{ candidates }}
    {%- if is_incremental() %}
    left join {{ this }} as held
        on {{ candidates }}.workspace_id = held.workspace_id and {{ candidates }}.{{ key }} = held.{{ key }}
    where
        held.{{ key }} is null
        {%- for column in watched %}
        or {{ candidates }}.{{ column }} is distinct from held.{{ column }}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
