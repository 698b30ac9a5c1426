with source as (

    select * from {{ source('email_events', 'raw_email_events__ses_event') }}

),

renamed as (

    select
        workspace_id,
        id as ses_event_id,
        event_type as provider_event,
        event_at,
        message_id as provider_message_id,
        sent_at as mail_sent_at,
        sender_email,
        recipient_email as recipient_address,
        subject,
        from_header,
        configuration_set,
        campaign_id,
        arm_code,
        template_name as template_code,
        customer_id as claimed_customer_id,
        user_id,
        bounce_type,
        bounce_sub_type,
        complaint_feedback_type,
        complaint_sub_type,
        delay_type,
        diagnostic_code,
        smtp_status,
        smtp_response,
        processing_time_ms,
        reject_reason,
        failure_message,
        url,
        user_agent,
        ip_address,
        is_unsubscribed_from_all,
        contact_list,
        topic_preferences,
        destinations,
        tags,
        headers,
        lower(trim(recipient_email)) as recipient_email,
        _load_seq
    from source

)

select * from renamed
