with disputes as (

    select * from {{ ref('stg_stripe__dispute') }}

),

resolved as (

    select
        disputes.workspace_id,
        disputes.dispute_id,
        disputes.charge_id as payment_id,
        identities.customer_id,
        'stripe' as provider,
        disputes.created_at as disputed_at,
        cast(disputes.created_at as date) as dispute_date,
        disputes.amount_minor,
        disputes.currency,
        disputes.reason,
        disputes.status
    from disputes
    left join {{ ref('stg_stripe__charge') }} as charges
        on disputes.workspace_id = charges.workspace_id and disputes.charge_id = charges.charge_id
    left join {{ ref('int_identity__user') }} as identities
        on
            charges.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and charges.stripe_customer_id = identities.source_id

)

select * from resolved
