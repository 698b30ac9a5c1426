{{ config(
    materialized='incremental', incremental_strategy='synced', unique_key=['workspace_id', 'message_id'],
    on_schema_change='append_new_columns'
) }}

with messages as (

    select *, 'tabular' as provider
    from {{ ref('stg_tabular__email_message') }}

),

-- rows that share an id and a recipient are different rows: only the first of them is the one that events speak of
numbered as (

    select
        *,
        row_number() over (
            partition by workspace_id, tabular_message_id, recipient_email order by {{ bytewise('record_key') }}
        ) as copy_number
    from messages

)

select
    workspace_id,
    case
        when tabular_message_id is null then {{ key(['provider', 'record_key']) }}
        else {{ key(['provider', 'tabular_message_id', 'recipient_email', 'copy_number']) }}
    end as message_id,
    provider,
    tabular_message_id as provider_message_id,
    recipient_email,
    tabular_customer_id as claimed_customer_id,
    campaign_id,
    arm_code,
    category,
    subject,
    sent_at,
    coalesce(is_holdout, false) as is_holdout,
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
    spend_minor,
    currency
from numbered
