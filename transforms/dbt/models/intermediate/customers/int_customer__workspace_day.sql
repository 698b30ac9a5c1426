{{ config(
    materialized='incremental', incremental_strategy='synced', unique_key=['workspace_id', 'workspace_id'],
    on_schema_change='append_new_columns'
) }}

-- apart from the clock, which moves with every fact: what is made of days is made again when a day has gone by
select
    workspace_id,
    cast(first_event_at as date) as first_date,
    as_of_date
from {{ ref('int_customer__workspace_clock') }}
