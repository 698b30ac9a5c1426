with source as (

    select * from {{ source('s3', 'raw_s3__inventory') }}

),

renamed as (

    select
        workspace_id,
        id as inventory_id,
        snapshot_date,
        bucket_name,
        object_key,
        object_key_encoded,
        version_id,
        is_latest,
        is_delete_marker,
        size_bytes,
        last_modified_at,
        etag,
        storage_class,
        _load_seq
    from source

)

select * from renamed
