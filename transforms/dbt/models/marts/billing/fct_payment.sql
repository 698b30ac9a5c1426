with payments as (

    select * from {{ ref('int_billing__payment_attempt') }}

),

numbered as (

    -- retries are attempts at the same invoice; what has no invoice is collected once
    select
        *,
        row_number() over per_invoice as attempt_number,
        coalesce(max(case when status = 'failed' then 1 else 0 end) over (
            partition by workspace_id, provider, coalesce(collection_key, provider_payment_id)
            order by paid_at, {{ bytewise('provider_payment_id') }}
            rows between unbounded preceding and 1 preceding
        ), 0) = 1 as had_failed
    from payments
    window per_invoice as (
        partition by workspace_id, provider, coalesce(collection_key, provider_payment_id)
        order by paid_at, {{ bytewise('provider_payment_id') }}
    )

),

resolved as (

    select
        numbered.workspace_id,
        numbered.provider_payment_id as payment_id,
        identities.customer_id,
        numbered.provider,
        numbered.provider_payment_id,
        numbered.invoice_id,
        numbered.subscription_id,
        numbered.paid_at,
        cast(numbered.paid_at as date) as payment_date,
        numbered.status,
        numbered.amount_minor,
        numbered.currency,
        numbered.fee_minor,
        numbered.failure_code,
        cast(numbered.attempt_number as integer) as attempt_number,
        numbered.status = 'succeeded' and numbered.had_failed as is_recovery,
        numbered.payment_method
    from numbered
    left join {{ ref('int_identity__user') }} as identities
        on
            numbered.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and numbered.provider_customer_id = identities.source_id

)

select * from resolved
