with source as (

    select * from {{ source('stripe', 'raw_stripe__event') }}

),

renamed as (

    select
        workspace_id,
        id as event_id,
        type as event_type,
        created_at,
        api_version,
        object_id,
        object_type,
        request_id,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
