with changes as (

    select * from {{ ref('stg_stripe__subscription_change') }}

),

first_changes as (

    select distinct on (workspace_id, subscription_id)
        workspace_id, subscription_id, event_id, event_type, changed_at, status, previous_status
    from changes
    order by workspace_id, subscription_id, changed_at, {{ bytewise('event_id') }}

),

untold as (

    -- subscriptions whose beginning no event tells: their history up to the first event comes from the object
    select
        subscriptions.*,
        coalesce(first_changes.event_id, subscriptions.subscription_id) as item_set_id,
        coalesce(first_changes.changed_at, timestamp '9999-12-31 00:00:00') as told_from_at,
        case coalesce(first_changes.previous_status, first_changes.status, subscriptions.status)
            when 'canceled' then 'active'
            when 'incomplete_expired' then 'incomplete'
            when 'trialing' then 'active'
            else coalesce(first_changes.previous_status, first_changes.status, subscriptions.status)
        end as live_status
    from {{ ref('stg_stripe__subscription') }} as subscriptions
    left join first_changes
        on
            subscriptions.workspace_id = first_changes.workspace_id
            and subscriptions.subscription_id = first_changes.subscription_id
    where first_changes.event_type is null or first_changes.event_type <> 'customer.subscription.created'

),

told as (

    select
        workspace_id, subscription_id, stripe_customer_id, changed_at as valid_from_at, status, currency,
        event_id as item_set_id, event_id as change_id,
        case event_type
            when 'customer.subscription.created' then 1 when 'customer.subscription.deleted' then 3 else 2
        end as change_rank
    from changes

),

began as (

    select
        workspace_id, subscription_id, stripe_customer_id, created_at as valid_from_at,
        case when trial_end_at > created_at then 'trialing' else live_status end as status, currency,
        item_set_id, 'began' as change_id, 0 as change_rank
    from untold
    where created_at < told_from_at

),

converted as (

    select
        workspace_id, subscription_id, stripe_customer_id, trial_end_at as valid_from_at, live_status as status,
        currency, item_set_id, 'converted' as change_id, 0 as change_rank
    from untold
    where
        trial_end_at > created_at and trial_end_at < told_from_at
        and trial_end_at < coalesce(ended_at, timestamp '9999-12-31 00:00:00') and status <> 'trialing'

),

ended as (

    select
        workspace_id, subscription_id, stripe_customer_id, ended_at as valid_from_at, status, currency,
        item_set_id, 'ended' as change_id, 4 as change_rank
    from untold
    where ended_at < told_from_at

),

history as (

    select * from told
    union all
    select * from began
    union all
    select * from converted
    union all
    select * from ended

)

select * from history
