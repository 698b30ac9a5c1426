{{ config(materialized='table') }}

with stripe as (

    select
        history.workspace_id,
        'stripe' as provider,
        history.subscription_id,
        history.stripe_customer_id as provider_customer_id,
        history.valid_from_at,
        history.status,
        history.currency,
        item_sets.plan_id,
        item_sets.quantity,
        case
            when {{ counts_toward_mrr('history.status') }} then coalesce(item_sets.mrr_minor, 0) else 0
        end as mrr_minor,
        history.change_rank,
        history.change_id
    from {{ ref('int_billing__stripe_history') }} as history
    left join {{ ref('int_billing__subscription_item_set') }} as item_sets
        on history.workspace_id = item_sets.workspace_id and history.item_set_id = item_sets.item_set_id

),

paypal as (

    select
        workspace_id,
        'paypal' as provider,
        subscription_id,
        payer_id as provider_customer_id,
        valid_from_at,
        status,
        currency,
        plan_id,
        quantity,
        case when {{ counts_toward_mrr('status') }} then mrr_minor else 0 end as mrr_minor,
        change_rank,
        change_id
    from {{ ref('int_billing__paypal_history') }}

),

versions as (

    select * from stripe
    union all
    select * from paypal

),

numbered as (

    -- events may land in any order: only the time of the change counts
    select
        *,
        cast(valid_from_at as date) as from_date,
        row_number() over (
            partition by workspace_id, provider, subscription_id
            order by valid_from_at, change_rank, {{ bytewise('change_id') }}
        ) as version_number
    from versions

),

resolved as (

    select
        numbered.workspace_id,
        numbered.provider,
        numbered.subscription_id,
        identities.customer_id,
        numbered.version_number,
        numbered.valid_from_at,
        lead(numbered.valid_from_at) over per_subscription as valid_to_at,
        numbered.from_date,
        lead(numbered.from_date) over per_subscription as to_date,
        numbered.status,
        numbered.currency,
        numbered.plan_id,
        numbered.quantity,
        numbered.mrr_minor
    from numbered
    left join {{ ref('int_identity__user') }} as identities
        on
            numbered.workspace_id = identities.workspace_id
            and identities.source = 'account'
            and numbered.provider_customer_id = identities.source_id
    window per_subscription as (
        partition by numbered.workspace_id, numbered.provider, numbered.subscription_id
        order by numbered.version_number
    )

)

select * from resolved
