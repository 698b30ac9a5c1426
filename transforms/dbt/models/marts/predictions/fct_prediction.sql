with scores as (

    select * from {{ ref('stg_nexus__churn_score') }}

),

predictions as (

    select
        workspace_id,
        prediction_id,
        model_name,
        model_version,
        feature_service,
        customer_id,
        scored_at,
        as_of_date,
        cast(round(score, 6) as numeric(9, 6)) as score,
        cast(decile as integer) as decile,
        reason_1,
        reason_2,
        reason_3,
        warehouse_version
    from scores

)

select * from predictions
