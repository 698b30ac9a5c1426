with source as (

    select * from {{ source('tabular', 'raw_tabular__email_message') }}

),

renamed as (

    select
        workspace_id,
        _record_key as record_key,
        message_id as tabular_message_id,
        recipient_email as recipient_address,
        customer_id as tabular_customer_id,
        user_id,
        campaign_id,
        arm_code,
        category,
        subject,
        sent_at,
        is_holdout,
        is_delivered,
        is_bounced_hard,
        is_bounced_soft,
        is_complained,
        is_opened_human,
        is_opened_machine,
        is_clicked_human,
        is_clicked_scanner,
        is_unsubscribed,
        is_visited,
        is_converted,
        mapping_name,
        attributes,
        lower(trim(recipient_email)) as recipient_email,
        lower(currency) as currency,
        _landed_at as landed_at,
        {{ to_minor('spend_value', 'currency') }} as spend_minor,
        _load_seq
    from source

)

select * from renamed
