with source as (

    select * from {{ source('stripe', 'raw_stripe__customer') }}

),

renamed as (

    select
        workspace_id,
        id as stripe_customer_id,
        created_at,
        email,
        name as customer_name,
        currency,
        country_code,
        city,
        state,
        balance_minor,
        is_delinquent,
        default_payment_method_id,
        invoice_prefix,
        is_livemode,
        {{ normalise_email('email') }} as normalised_email,
        _load_seq
    from source

)

select * from renamed
