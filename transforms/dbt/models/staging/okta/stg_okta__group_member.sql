with source as (

    select * from {{ source('okta', 'raw_okta__group_member') }}

),

renamed as (

    select
        workspace_id,
        id as okta_group_member_id,
        group_id as okta_group_id,
        user_id as okta_user_id,
        coalesce(is_member, true) as is_member,
        _load_seq
    from source

)

select * from renamed
