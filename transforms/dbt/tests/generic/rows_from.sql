{# Rows in = rows out, for each workspace: fails where the relation has not as many rows as its inputs together. #}
{% test rows_from(model, inputs, condition='true') %}
with there as (
    select workspace_id, count(*) as row_count
    from (
        {% for input in inputs -%}
        select workspace_id from {{ input }} where {{ condition }}
        {% if not loop.last %}union all{% endif %}
        {% endfor %}
    ) as inputs
    group by workspace_id
),

here as (
    select workspace_id, count(*) as row_count from {{ model }} group by workspace_id
)

select
    coalesce(here.workspace_id, there.workspace_id) as workspace_id,
    coalesce(here.row_count, 0) as rows_out,
    coalesce(there.row_count, 0) as rows_in
from here
full outer join there on here.workspace_id = there.workspace_id
where coalesce(here.row_count, 0) <> coalesce(there.row_count, 0)
{% endtest %}
