with source as (

    select * from {{ source('stripe', 'raw_stripe__deleted_object') }}

),

renamed as (

    select
        workspace_id,
        id as object_id,
        object_type,
        _load_seq
    from source

)

select * from renamed
