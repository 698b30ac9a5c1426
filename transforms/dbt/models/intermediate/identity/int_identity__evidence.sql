with records as (

    select workspace_id, record_key, source_id, email
    from {{ ref('int_identity__record') }}

),

own_ids as (

    -- every provider's customer id is one name space: Okta, Auth0 and S3 name customers by the id of another provider
    select workspace_id, record_key, 'id:' || source_id as link_key
    from records

),

own_emails as (

    select workspace_id, record_key, 'email:' || {{ normalise_email('email') }} as link_key
    from records
    where {{ normalise_email('email') }} is not null

),

user_emails as (

    -- an address of a user speaks for a customer only if no other customer has a user with it
    select
        workspace_id,
        {{ min_text("provider || ':' || claimed_customer_id") }} as record_key,
        'email:' || normalised_email as link_key
    from {{ ref('int_identity__provider_user') }}
    where claimed_customer_id is not null and normalised_email is not null
    group by workspace_id, normalised_email
    having count(distinct claimed_customer_id) = 1

),

references_to_ids as (

    -- merchants write anything into PayPal's custom field: it counts only where it is some record's id
    select references_found.workspace_id, references_found.record_key, 'id:' || references_found.custom_id as link_key
    from (
        select workspace_id, 'paypal:' || payer_id as record_key, custom_id
        from {{ ref('stg_paypal__subscription') }}
        union
        select workspace_id, 'paypal:' || payer_id as record_key, custom_id
        from {{ ref('stg_paypal__transaction') }} as transactions
        where {{ is_paypal_payment('transactions') }}
    ) as references_found
    inner join records
        on references_found.workspace_id = records.workspace_id and references_found.custom_id = records.source_id

),

evidence as (

    select * from own_ids
    union
    select * from own_emails
    union
    select * from user_emails
    union
    select * from references_to_ids

)

select * from evidence
where record_key is not null
