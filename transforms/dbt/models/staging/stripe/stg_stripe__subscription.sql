with source as (

    select * from {{ source('stripe', 'raw_stripe__subscription') }}

),

renamed as (

    select
        workspace_id,
        id as subscription_id,
        created_at,
        customer_id as stripe_customer_id,
        status,
        currency,
        start_at,
        current_period_start_at,
        current_period_end_at,
        trial_start_at,
        trial_end_at,
        is_cancel_at_period_end,
        cancel_at,
        canceled_at,
        ended_at,
        cancellation_reason,
        cancellation_feedback,
        cancellation_comment,
        collection_method,
        pause_behavior,
        latest_invoice_id,
        billing_cycle_anchor_at,
        default_payment_method_id,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
