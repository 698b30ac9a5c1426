{# Fails for values that the other relation does not hold in the same workspace. Nulls are allowed. #}
{% test relationship_in_workspace(model, to, column_name=none, column=none, field=none) %}
{% set column = column or column_name %}
select
    here.workspace_id,
    here.{{ column }}
from {{ rows_that_relate(model, column, to, field or column) }} as here
left join {{ to }} as there
    on here.workspace_id = there.workspace_id and here.{{ column }} = there.{{ field or column }}
where here.{{ column }} is not null and there.{{ field or column }} is null
{% endtest %}
