with source as (

    select * from {{ source('nexus', 'raw_nexus__churn_score') }}

),

renamed as (

    select
        workspace_id,
        prediction_id,
        model_name,
        model_version,
        feature_service,
        customer_id,
        scored_at,
        as_of_date,
        score,
        decile,
        reason_1,
        reason_2,
        reason_3,
        warehouse_version,
        _load_seq
    from source

)

select * from renamed
