with changes as (

    select * from {{ ref('int_billing__mrr_change') }}

),

movements as (

    select
        workspace_id,
        {{ key(['customer_id', 'currency', 'change_date']) }} as movement_id,
        customer_id,
        currency,
        change_date as movement_date,
        {{ month_of('change_date') }} as month_date,
        case
            when change_number = 1 then 'new'
            when opening_mrr_minor = 0 then 'reactivation'
            when closing_mrr_minor = 0 then 'churn'
            when delta_minor > 0 then 'expansion'
            else 'contraction'
        end as movement,
        delta_minor as amount_minor,
        opening_mrr_minor,
        closing_mrr_minor
    from changes

)

select * from movements
