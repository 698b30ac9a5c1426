{{ config(materialized='table') }}

{%- set clocks = [
    ('stg_stripe__event', 'created_at'),
    ('stg_stripe__charge', 'created_at'),
    ('stg_stripe__invoice', 'created_at'),
    ('stg_stripe__refund', 'created_at'),
    ('stg_stripe__dispute', 'created_at'),
    ('stg_stripe__balance_transaction', 'created_at'),
    ('stg_stripe__subscription_change', 'changed_at'),
    ('stg_stripe__customer', 'created_at'),
    ('stg_paypal__transaction', 'initiated_at'),
    ('stg_paypal__subscription', 'created_at'),
    ('stg_s3__access_log', 'requested_at'),
    ('stg_http_access__request', 'requested_at'),
    ('stg_okta__log', 'logged_at'),
    ('stg_auth0__log', 'logged_at'),
    ('stg_cloudtrail__event', 'occurred_at'),
    ('stg_email_events__ses_event', 'event_at'),
    ('stg_email_events__sendgrid_event', 'event_at'),
    ('stg_email_events__sendgrid_log_event', 'event_at'),
    ('stg_email_events__mailgun_event', 'event_at'),
    ('stg_email_events__postmark_event', 'event_at'),
    ('stg_tabular__payment', 'paid_at'),
    ('stg_tabular__card_transaction', 'transacted_at'),
    ('stg_tabular__invoice_line', 'line_at'),
    ('stg_tabular__customer', 'created_at'),
    ('stg_tabular__login', 'login_at'),
    ('stg_tabular__file_event', 'event_at'),
    ('stg_tabular__email_event', 'event_at'),
    ('stg_tabular__email_message', 'sent_at'),
] %}

with spans as (
    {% for relation, moment in clocks %}
        select workspace_id, min({{ moment }}) as first_at, max({{ moment }}) as last_at
        from {{ ref(relation) }}
        group by workspace_id
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- tables of customers and of campaigns may tell no time at all
landings as (

    select workspace_id, max(landed_at) as landed_at
    from (
        select workspace_id, landed_at from {{ ref('stg_tabular__customer') }}
        union all
        select workspace_id, landed_at from {{ ref('stg_tabular__email_message') }}
    ) as undated
    group by workspace_id

),

clock as (

    select
        workspace_id,
        min(first_at) as first_event_at,
        max(last_at) as last_event_at
    from spans
    group by workspace_id

)

select
    clock.workspace_id,
    clock.first_event_at,
    coalesce(clock.last_event_at, landings.landed_at) as as_of_at,
    cast(coalesce(clock.last_event_at, landings.landed_at) as date) as as_of_date,
    clock.last_event_at is null as is_as_of_landing
from clock
left join landings on clock.workspace_id = landings.workspace_id
