{# Exact numbers: money is bigint in minor units, shares are numeric(18,6), nothing is a float. #}

{# Sum as bigint, 0 over no rows: DuckDB would give hugeint, Postgres numeric. #}
{% macro sum_minor(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as bigint)
{%- endmacro %}

{# Integer quotient of whole numbers, halves rounded up (towards +infinity); the denominator is positive. #}
{% macro div_half_up(numerator, denominator) -%}
    {%- set doubled = '(2 * (' ~ numerator ~ ') + (' ~ denominator ~ '))' -%}
    {%- set divisor = '(2 * (' ~ denominator ~ '))' -%}
    {{ div_floor(doubled, divisor) }}
{%- endmacro %}

{# Integer quotient of whole numbers rounded down, also below zero; the denominator is positive. #}
{% macro div_floor(numerator, denominator) -%}
    {%- set rest = '((' ~ numerator ~ ' % ' ~ denominator ~ ' + ' ~ denominator ~ ') % ' ~ denominator ~ ')' -%}
    {{ return(adapter.dispatch('div_exact', 'nexus')('(' ~ numerator ~ ' - ' ~ rest ~ ')', denominator)) }}
{%- endmacro %}

{% macro duckdb__div_exact(numerator, denominator) -%}
    cast({{ numerator }} // {{ denominator }} as bigint)
{%- endmacro %}

{% macro postgres__div_exact(numerator, denominator) -%}
    cast(div({{ numerator }}, {{ denominator }}) as bigint)
{%- endmacro %}

{# Share of two whole numbers × scale, numeric(18,6) with halves rounded up; null for a denominator of 0.
   Computed in integers, because the engines divide decimals differently. #}
{% macro share(numerator, denominator, scale=1) -%}
    cast(
        case
            when {{ denominator }} > 0
                then cast({{ div_half_up(wide(numerator) ~ ' * ' ~ (scale * 1000000), wide(denominator)) }} as numeric(20, 0))
                * cast(0.000001 as numeric(7, 6))
        end as numeric(18, 6)
    )
{%- endmacro %}

{# A whole number that cannot overflow on the way. #}
{% macro wide(expression) -%}
    {{ return(adapter.dispatch('wide', 'nexus')(expression)) }}
{%- endmacro %}

{% macro duckdb__wide(expression) -%}
    cast({{ expression }} as hugeint)
{%- endmacro %}

{% macro postgres__wide(expression) -%}
    cast({{ expression }} as numeric(38, 0))
{%- endmacro %}

{# The same in per cent: pct(1, 8) is 12.500000. #}
{% macro pct(numerator, denominator) -%}
    {{ share(numerator, denominator, 100) }}
{%- endmacro %}

{# Minor units of an amount written in major units ('12.34' usd → 1234, '500' jpy → 500), halves away from zero.
   Stripe writes ISK and UGX in hundredths, though neither has any; so they are kept in hundredths.
   The cast to the currency's decimals does the rounding: on DuckDB that costs half of what `round` does. #}
{% macro to_minor(amount, currency) -%}
    case
        when lower({{ currency }}) in (
            'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf'
        ) then cast(cast({{ amount }} as numeric(18, 0)) as bigint)
        when lower({{ currency }}) in ('bhd', 'iqd', 'jod', 'kwd', 'lyd', 'omr', 'tnd')
            then cast(cast({{ amount }} as numeric(24, 3)) * 1000 as bigint)
        else cast(cast({{ amount }} as numeric(18, 2)) * 100 as bigint)
    end
{%- endmacro %}
