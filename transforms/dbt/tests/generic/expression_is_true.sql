{# Fails for every row for which the expression is false (or null, unless the expression allows it). #}
{% test expression_is_true(model, expression) %}
select *
from {{ rows_to_judge(model) }} as judged
where not coalesce({{ expression }}, false)
{% endtest %}
