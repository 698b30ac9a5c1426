with source as (

    select * from {{ source('email_events', 'raw_email_events__sendgrid_event') }}

),

renamed as (

    select
        {{ sendgrid_event_columns() }}
    from source

)

select * from renamed
