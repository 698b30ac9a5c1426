with source as (

    select * from {{ source('paypal', 'raw_paypal__subscription') }}

),

renamed as (

    select
        workspace_id,
        id as subscription_id,
        plan_id,
        plan_name,
        product_id,
        status_change_note,
        status_updated_at,
        start_at as started_at,
        created_at,
        updated_at,
        quantity,
        interval_count,
        last_payment_at,
        next_billing_at,
        final_payment_at,
        failed_payments_count,
        last_failed_payment_at,
        last_failed_payment_reason,
        payer_email,
        payer_country_code as country_code,
        is_plan_overridden,
        coalesce(payer_id, {{ normalise_email('payer_email') }}) as payer_id,
        coalesce(payer_full_name, nullif(concat_ws(' ', payer_given_name, payer_surname), '')) as payer_name,
        nullif(trim(custom_id), '') as custom_id,
        lower(status) as status,
        lower(interval_unit) as interval_code,
        lower(price_currency_code) as currency,
        {{ to_minor('price_value', 'price_currency_code') }} as price_minor,
        _load_seq
    from source

)

select * from renamed
