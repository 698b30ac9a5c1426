with source as (

    select * from {{ source('stripe', 'raw_stripe__invoice') }}

),

renamed as (

    select
        workspace_id,
        id as invoice_id,
        customer_id as stripe_customer_id,
        subscription_id,
        number as invoice_number,
        status,
        billing_reason,
        collection_method,
        currency,
        created_at,
        effective_at,
        due_at,
        period_start_at,
        period_end_at,
        finalized_at,
        paid_at,
        voided_at,
        marked_uncollectible_at,
        next_payment_attempt_at,
        subtotal_minor,
        total_excluding_tax_minor,
        tax_minor,
        total_minor,
        amount_due_minor,
        amount_paid_minor,
        amount_remaining_minor,
        starting_balance_minor,
        ending_balance_minor,
        attempt_count,
        is_attempted,
        charge_id,
        payment_intent_id,
        customer_country_code,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
