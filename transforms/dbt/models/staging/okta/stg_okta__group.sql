with source as (

    select * from {{ source('okta', 'raw_okta__group') }}

),

renamed as (

    select
        workspace_id,
        id as okta_group_id,
        type as group_type,
        name as group_name,
        description,
        created_at,
        updated_at,
        membership_updated_at,
        changed_at,
        coalesce(is_deleted, false) as is_deleted,
        _load_seq
    from source

)

select * from renamed
