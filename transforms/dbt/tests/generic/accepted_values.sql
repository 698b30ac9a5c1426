{# dbt's own test, of rows that it has not judged. #}
{% test accepted_values(model, column_name, values, quote=true) %}
select {{ column_name }} as value_field, count(*) as n_records
from {{ rows_to_judge(model) }} as judged
where
    {{ column_name }} not in (
        {%- for value in values %}{% if quote %}'{{ value }}'{% else %}{{ value }}{% endif %}{% if not loop.last %}, {% endif %}{% endfor -%}
    )
group by {{ column_name }}
{% endtest %}
