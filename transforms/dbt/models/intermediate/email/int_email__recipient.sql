{{ config(
    materialized='incremental', incremental_strategy='synced', unique_key=['workspace_id', 'recipient_email'],
    on_schema_change='append_new_columns'
) }}

with written as (

    select distinct workspace_id, recipient_email
    from {{ ref('int_email__event') }}
    where recipient_email is not null

),

-- after the distinct: an address is written in many events, and patterns are slow
addresses as (

    select workspace_id, recipient_email, {{ normalise_email('recipient_email') }} as normalised_email
    from written

),

-- an address that two users share names neither
users as (

    select workspace_id, email, min(user_id) as user_id
    from {{ ref('int_identity__provider_user') }}
    where email is not null
    group by workspace_id, email
    having count(*) = 1

),

found as (

    select addresses.workspace_id, addresses.recipient_email, addresses.normalised_email, users.user_id
    from addresses
    left join users
        on addresses.workspace_id = users.workspace_id and addresses.recipient_email = users.email

)

select
    found.workspace_id,
    found.recipient_email,
    found.user_id,
    coalesce(by_user.customer_id, by_email.customer_id) as customer_id
from found
left join {{ ref('int_identity__user') }} as by_user
    on found.workspace_id = by_user.workspace_id and by_user.source = 'user' and found.user_id = by_user.source_id
left join {{ ref('int_identity__user') }} as by_email
    on
        found.workspace_id = by_email.workspace_id
        and by_email.source = 'email'
        and found.normalised_email = by_email.source_id
