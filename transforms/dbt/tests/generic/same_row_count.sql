{# Rows in = rows out, for each workspace: fails where the counts of a relation and of its input differ. #}
{% test same_row_count(model, of, condition='true', of_condition='true') %}
with here as (
    select workspace_id, count(*) as row_count from {{ model }} where {{ condition }} group by workspace_id
),

there as (
    select workspace_id, count(*) as row_count from {{ of }} where {{ of_condition }} group by workspace_id
)

select
    coalesce(here.workspace_id, there.workspace_id) as workspace_id,
    coalesce(here.row_count, 0) as rows_out,
    coalesce(there.row_count, 0) as rows_in
from here
full outer join there on here.workspace_id = there.workspace_id
where coalesce(here.row_count, 0) <> coalesce(there.row_count, 0)
{% endtest %}
