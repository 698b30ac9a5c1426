with source as (

    select * from {{ source('stripe', 'raw_stripe__charge') }}

),

renamed as (

    select
        workspace_id,
        id as charge_id,
        created_at,
        status,
        amount_minor,
        amount_captured_minor,
        amount_refunded_minor,
        currency,
        customer_id as stripe_customer_id,
        invoice_id,
        payment_intent_id,
        payment_method_id,
        balance_transaction_id,
        is_paid,
        is_captured,
        is_refunded,
        is_disputed,
        failure_code,
        failure_message,
        outcome_type,
        outcome_network_status,
        outcome_reason,
        outcome_risk_level,
        outcome_risk_score,
        payment_method_type,
        card_brand,
        card_country_code,
        card_funding,
        card_last4,
        card_exp_month,
        card_exp_year,
        card_fingerprint,
        billing_email,
        billing_country_code,
        description,
        application_fee_minor,
        is_livemode,
        _load_seq
    from source

)

select * from renamed
