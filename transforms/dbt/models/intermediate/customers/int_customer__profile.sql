with records as (

    select * from {{ ref('int_identity__component') }}

),

profiles as (

    -- each attribute from the leading record that knows it
    select
        workspace_id,
        customer_id,
        {%- for column in ['name', 'email', 'country_code', 'currency'] %}
            (
                array_agg({{ column }} order by source_rank, created_at nulls last, {{ bytewise('source_id') }})
                filter (where {{ column }} is not null)
            )[1] as {{ column }},
        {%- endfor %}
        min(created_at) as created_at,
        (array_agg(source order by source_rank))[1] as record_source,
        {{ min_text("case when source = 'stripe' then source_id end") }} as stripe_customer_id,
        {{ min_text("case when source = 'paypal' then source_id end") }} as paypal_payer_id
    from records
    group by workspace_id, customer_id

)

select * from profiles
