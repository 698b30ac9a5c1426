with movements as (

    select * from {{ ref('fct_mrr_movement') }}

),

months as (

    select
        bounds.workspace_id,
        bounds.currency,
        cast({{ days_from_to('bounds.first_date', 'clock.as_of_date', '1 month') }} as date) as month_date
    from (
        select workspace_id, currency, min(month_date) as first_date
        from movements
        group by workspace_id, currency
    ) as bounds
    inner join {{ ref('int_customer__workspace_day') }} as clock on bounds.workspace_id = clock.workspace_id

),

by_customer as (

    select
        months.workspace_id,
        months.currency,
        months.month_date,
        movements.customer_id,
        sum(case when movements.month_date < months.month_date then movements.amount_minor else 0 end) as opening_minor,
        sum(movements.amount_minor) as closing_minor,
        -- noqa: disable=LT02
        {%- for kind in ['new', 'expansion', 'contraction', 'churn', 'reactivation'] %}
            sum(
                case
                    when movements.month_date = months.month_date and movements.movement = '{{ kind }}'
                        then movements.amount_minor else 0
                end
            ) as {{ kind }}_minor
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    -- noqa: enable=LT02
    from months
    inner join movements
        on
            months.workspace_id = movements.workspace_id
            and months.currency = movements.currency
            and movements.month_date <= months.month_date
    group by months.workspace_id, months.currency, months.month_date, movements.customer_id

),

weighed as (

    select *, expansion_minor + contraction_minor + churn_minor as change_minor
    from by_customer

),

monthly as (

    select
        workspace_id,
        month_date,
        currency,
        {{ sum_minor('opening_minor') }} as opening_minor,
        {{ sum_minor('new_minor') }} as new_minor,
        {{ sum_minor('expansion_minor') }} as expansion_minor,
        {{ sum_minor('contraction_minor') }} as contraction_minor,
        {{ sum_minor('churn_minor') }} as churn_minor,
        {{ sum_minor('reactivation_minor') }} as reactivation_minor,
        {{ sum_minor('closing_minor') }} as closing_minor,
        count(case when opening_minor > 0 then 1 end) as customers_opening,
        count(case when closing_minor > 0 then 1 end) as customers_closing,
        {{ sum_minor('case when opening_minor > 0 then opening_minor + change_minor end') }} as retained_minor,
        {{ sum_minor('case when opening_minor > 0 then -(contraction_minor + churn_minor) end') }} as lost_minor
    from weighed
    group by workspace_id, month_date, currency

),

rated as (

    select
        workspace_id,
        month_date,
        currency,
        opening_minor,
        new_minor,
        expansion_minor,
        contraction_minor,
        churn_minor,
        reactivation_minor,
        closing_minor,
        customers_opening,
        customers_closing,
        retained_minor,
        lost_minor,
        {{ pct('retained_minor', 'opening_minor') }} as nrr_pct,
        {{ pct('lost_minor', 'opening_minor') }} as gross_churn_pct
    from monthly

)

select * from rated
