with source as (

    select * from {{ source('email_events', 'raw_email_events__postmark_event') }}

),

renamed as (

    select
        workspace_id,
        id as postmark_event_id,
        event_type as provider_event,
        event_at,
        message_id as provider_message_id,
        recipient_email as recipient_address,
        bounce_id,
        bounce_type,
        bounce_code,
        description,
        details,
        subject,
        sender_email,
        tag,
        message_stream,
        server_id,
        url,
        click_location,
        user_agent,
        is_first_open,
        is_sending_suppressed,
        suppression_reason,
        campaign_id,
        arm_code,
        customer_id as claimed_customer_id,
        user_id,
        metadata,
        lower(trim(recipient_email)) as recipient_email,
        _load_seq
    from source

)

select * from renamed
