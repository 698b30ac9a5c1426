{{ config(materialized='table') }}

with customers as (

    select workspace_id, tabular_customer_id, mapping_name, attributes
    from {{ ref('stg_tabular__customer') }}

),

entries as (

    select workspace_id, tabular_customer_id, mapping_name, {{ json_entries('attributes') }} as entry
    from customers

),

told as (

    select
        workspace_id,
        tabular_customer_id,
        mapping_name,
        (entry).key as attribute_name,
        (entry).value as attribute_value
    from entries

),

-- a row leaves out what is blank: which columns a table has, its other rows know
names as (

    select distinct workspace_id, mapping_name, attribute_name
    from told

),

complete as (

    select
        customers.workspace_id,
        customers.tabular_customer_id,
        customers.mapping_name,
        names.attribute_name,
        told.attribute_value
    from customers
    inner join names
        on
            customers.workspace_id = names.workspace_id
            and coalesce(customers.mapping_name, '') = coalesce(names.mapping_name, '')
    left join told
        on
            customers.workspace_id = told.workspace_id
            and customers.tabular_customer_id = told.tabular_customer_id
            and names.attribute_name = told.attribute_name

)

select
    workspace_id,
    {{ key(["'tabular'", 'tabular_customer_id', 'attribute_name']) }} as customer_attribute_id,
    tabular_customer_id as provider_customer_id,
    mapping_name,
    attribute_name,
    attribute_value,
    case
        when {{ regex_found('attribute_value', '^-?[0-9]{1,18}([.][0-9]{1,9})?$') }}
            then cast(attribute_value as numeric(38, 9))
    end as attribute_number
from complete
