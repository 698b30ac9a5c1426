{# What one item of a subscription brings in a month, in minor units: the amount of a period normalised to a month
   (a year has 12 months, 52 weeks and 365 days), halves rounded up for each item on its own. #}
{% macro item_mrr(unit_amount, quantity, interval_code, interval_count) -%}
    {%- set amount = 'coalesce(' ~ unit_amount ~ ', 0) * coalesce(' ~ quantity ~ ', 1)' -%}
    {%- set count = 'greatest(coalesce(' ~ interval_count ~ ', 1), 1)' -%}
    case {{ interval_code }}
        when 'month' then {{ div_half_up(amount, count) }}
        when 'year' then {{ div_half_up(amount, '12 * ' ~ count) }}
        when 'week' then {{ div_half_up(amount ~ ' * 52', '12 * ' ~ count) }}
        when 'day' then {{ div_half_up(amount ~ ' * 365', '12 * ' ~ count) }}
        else 0
    end
{%- endmacro %}

{# Statuses in which a subscription counts toward MRR. #}
{% macro counts_toward_mrr(status) -%}
    {{ status }} in ('active', 'past_due')
{%- endmacro %}

{# Statuses from which no subscription returns. #}
{% macro is_ended(status) -%}
    {{ status }} in ('canceled', 'incomplete_expired')
{%- endmacro %}
