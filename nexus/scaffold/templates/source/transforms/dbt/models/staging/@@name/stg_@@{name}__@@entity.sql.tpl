with source as (

    select * from {{ source('@@name', 'raw_@@{name}__@@entity') }}

),

renamed as (

    select
        workspace_id,
        id as @@{name}_@@{entity}_id,
        created_at,
        updated_at,
        status_code,
        customer_id,
        customer_email,
        amount_minor,
        currency,
        _load_seq
    from source

)

select * from renamed
