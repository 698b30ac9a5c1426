with source as (

    select * from {{ source('email_events', 'raw_email_events__mailgun_event') }}

),

renamed as (

    select
        workspace_id,
        id as mailgun_event_id,
        mailgun_id,
        event_type as provider_event,
        event_at,
        message_id as provider_message_id,
        recipient_email as recipient_address,
        severity,
        reason as reason_code,
        bounce_type,
        status_code,
        smtp_status,
        diagnostic,
        description,
        attempt,
        url,
        ip_address,
        user_agent,
        client_type,
        bot_name,
        subject,
        sender_email,
        domain_name,
        campaign_id,
        arm_code,
        customer_id as claimed_customer_id,
        user_id,
        template_name as template_code,
        tags,
        variables,
        lower(trim(recipient_email)) as recipient_email,
        _load_seq
    from source

)

select * from renamed
