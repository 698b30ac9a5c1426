with source as (

    select * from {{ source('tabular', 'raw_tabular__email_event') }}

),

renamed as (

    select
        workspace_id,
        _record_key as record_key,
        email_event_id as tabular_event_id,
        message_id as tabular_message_id,
        recipient_email as recipient_address,
        customer_id as tabular_customer_id,
        campaign_id,
        arm_code,
        event,
        event_at,
        url,
        reason,
        user_agent,
        ip_address,
        is_machine_open,
        is_scanner_click,
        mapping_name,
        attributes,
        lower(trim(recipient_email)) as recipient_email,
        _load_seq
    from source

)

select * from renamed
