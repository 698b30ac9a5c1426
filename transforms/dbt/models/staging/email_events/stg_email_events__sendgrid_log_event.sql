with source as (

    select * from {{ source('email_events', 'raw_email_events__sendgrid_log_event') }}

),

renamed as (

    select
        workspace_id,
        id as sendgrid_event_id,
        event_type as provider_event,
        event_at,
        message_id as sendgrid_message_id,
        smtp_id,
        recipient_email as recipient_address,
        bounce_kind as bounce_type,
        bounce_classification,
        reason,
        smtp_status,
        response,
        attempt,
        url,
        user_agent,
        ip_address,
        is_machine_open,
        category,
        campaign_id,
        arm_code,
        subject,
        customer_id as claimed_customer_id,
        user_id,
        single_send_id,
        single_send_name,
        template_id as template_code,
        sending_pool_name,
        unsubscribe_group_id,
        is_tls,
        is_certificate_error,
        nullif(split_part(message_id, '.', 1), '') as provider_message_id,
        lower(trim(recipient_email)) as recipient_email,
        _load_seq
    from source

)

select * from renamed
