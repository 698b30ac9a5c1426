with source as (

    select * from {{ source('postgres', 'raw_postgres__row') }}

),

renamed as (

    select
        workspace_id,
        database_name,
        table_name,
        row_key,
        coalesce(is_deleted, false) as is_deleted,
        row_document,
        _landed_at as landed_at,
        _load_seq
    from source

)

select * from renamed
