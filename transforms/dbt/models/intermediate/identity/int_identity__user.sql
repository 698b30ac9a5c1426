{{ config(materialized='table') }}

with accounts as (

    select distinct workspace_id, source_id, customer_id
    from {{ ref('int_identity__component') }}

),

customer_emails as (

    select workspace_id, {{ normalise_email('email') }} as normalised_email, customer_id
    from {{ ref('int_identity__component') }}

),

users as (

    select provided.workspace_id, provided.user_id, provided.normalised_email, accounts.customer_id
    from {{ ref('int_identity__provider_user') }} as provided
    left join accounts
        on provided.workspace_id = accounts.workspace_id and provided.claimed_customer_id = accounts.source_id

),

emails as (

    -- an address of two customers belongs to neither
    select workspace_id, normalised_email, {{ min_text('customer_id') }} as customer_id
    from (
        select workspace_id, normalised_email, customer_id from customer_emails
        union
        select workspace_id, normalised_email, customer_id from users
    ) as found
    where normalised_email is not null and customer_id is not null
    group by workspace_id, normalised_email
    having count(distinct customer_id) = 1

),

named as (

    select
        users.workspace_id,
        users.user_id,
        users.normalised_email,
        coalesce(users.customer_id, emails.customer_id) as customer_id
    from users
    left join emails
        on users.workspace_id = emails.workspace_id and users.normalised_email = emails.normalised_email

),

identities as (

    select workspace_id, 'user' as source, user_id as source_id, normalised_email, customer_id
    from named
    where customer_id is not null
    union all
    select workspace_id, 'account' as source, source_id, null as normalised_email, customer_id
    from accounts
    union all
    select workspace_id, 'email' as source, normalised_email as source_id, normalised_email, customer_id
    from emails

)

select * from identities
