with changes as (

    select
        *,
        row_number() over (partition by workspace_id, customer_id, currency order by change_date desc) as recency
    from {{ ref('int_billing__mrr_change') }}

),

present as (

    select
        workspace_id,
        customer_id,
        max(case when closing_mrr_minor > 0 then 1 else 0 end) = 1 as is_paying,
        max(change_date) as last_change_date,
        {{ sum_minor('closing_mrr_minor') }} as mrr_minor,
        {{ min_text('currency') }} as currency
    from changes
    where recency = 1
    group by workspace_id, customer_id

),

ends as (

    select workspace_id, customer_id, from_date, max(valid_from_at) as ended_at
    from {{ ref('int_billing__subscription_version') }}
    where mrr_minor = 0
    group by workspace_id, customer_id, from_date

),

revenue as (

    select
        present.workspace_id,
        present.customer_id,
        present.currency,
        present.is_paying,
        present.mrr_minor,
        case when not present.is_paying then ends.ended_at end as churned_at
    from present
    left join ends
        on
            present.workspace_id = ends.workspace_id
            and present.customer_id = ends.customer_id
            and present.last_change_date = ends.from_date

)

select * from revenue
