{# dbt's own test, of rows that it has not judged. #}
{% test not_null(model, column_name) %}
select *
from {{ rows_to_judge(model) }} as judged
where {{ column_name }} is null
{% endtest %}
