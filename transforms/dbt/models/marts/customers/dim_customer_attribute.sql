with attributes as (

    select * from {{ ref('int_customer__attribute') }}

)

select
    attributes.workspace_id,
    attributes.customer_attribute_id,
    identities.customer_id,
    attributes.provider_customer_id,
    attributes.mapping_name,
    attributes.attribute_name,
    attributes.attribute_value,
    attributes.attribute_number
from attributes
left join {{ ref('int_identity__user') }} as identities
    on
        attributes.workspace_id = identities.workspace_id
        and identities.source = 'account'
        and attributes.provider_customer_id = identities.source_id
