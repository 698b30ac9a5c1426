{{ config(
    materialized='incremental', incremental_strategy='touched', unique_key=['workspace_id', 'message_id'],
    on_schema_change='append_new_columns'
) }}

with messages as (

    select *
    from {{ ref('int_email__message') }}
    where
        {{ is_pending(
            by={'message_id': [ref('int_email__message')], 'recipient_email': [ref('int_email__recipient')]},
            whole=[ref('int_identity__user'), ref('int_email__tabular_message')]
        ) }}

)

select
    messages.workspace_id,
    messages.message_id,
    messages.provider,
    messages.provider_message_id,
    coalesce(recipients.customer_id, by_name.customer_id) as customer_id,
    messages.recipient_email,
    {{ email_domain('messages.recipient_email') }} as recipient_domain,
    recipients.user_id,
    messages.campaign_id,
    messages.arm_code,
    messages.template_code,
    coalesce(
        messages.category, case when messages.campaign_id is null then 'transactional' else 'campaign' end
    ) as category,
    messages.subject,
    messages.sent_at,
    cast(messages.sent_at as date) as sent_date,
    messages.is_holdout,
    messages.is_delivered,
    messages.is_deferred,
    messages.is_dropped,
    messages.is_bounced_hard,
    messages.is_bounced_soft,
    messages.is_complained,
    messages.is_opened_human,
    messages.is_opened_machine,
    messages.is_clicked_human,
    messages.is_clicked_scanner,
    messages.is_unsubscribed,
    messages.is_visited,
    messages.is_converted,
    messages.spend_minor,
    messages.currency
from messages
left join {{ ref('int_email__recipient') }} as recipients
    on messages.workspace_id = recipients.workspace_id and messages.recipient_email = recipients.recipient_email
left join {{ ref('int_identity__user') }} as by_name
    on
        messages.workspace_id = by_name.workspace_id
        and by_name.source = 'account'
        and messages.claimed_customer_id = by_name.source_id
