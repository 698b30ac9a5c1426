with messages as (

    select *
    from {{ ref('fct_email_message') }}
    where campaign_id is not null

)

select
    workspace_id,
    {{ key(['provider', 'campaign_id', 'arm_code']) }} as campaign_arm_id,
    provider,
    campaign_id,
    arm_code,
    min(sent_at) as first_sent_at,
    max(sent_at) as last_sent_at,
    bool_or(is_holdout) as is_holdout,
    cast(count(*) as bigint) as recipient_count,
    -- noqa: disable=LT02
    {% for what in [
        'is_delivered', 'is_bounced_hard', 'is_bounced_soft', 'is_complained', 'is_opened_human', 'is_opened_machine',
        'is_clicked_human', 'is_clicked_scanner', 'is_unsubscribed', 'is_visited', 'is_converted'
    ] -%}
    cast(count(case when {{ what }} then 1 end) as bigint) as {{ what[3:] }}_count,
    {% endfor -%}
    -- noqa: enable=LT02
    {{ sum_minor('spend_minor') }} as spend_minor,
    min(currency) as currency
from messages
group by workspace_id, provider, campaign_id, arm_code
