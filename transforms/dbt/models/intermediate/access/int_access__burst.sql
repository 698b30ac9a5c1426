{{ config(
    materialized='incremental', incremental_strategy='synced', unique_key=['workspace_id', 'burst_id'],
    on_schema_change='append_new_columns'
) }}

{% set window = "interval '10 minutes'" %}

with failures as (

    select workspace_id, ip_address, login_at
    from {{ ref('int_access__login') }}
    where outcome = 'failure' and ip_address is not null

),

-- how many failures lie in the ten minutes that begin with this one
counted as (

    select
        workspace_id,
        ip_address,
        login_at as opened_at,
        count(*) over (
            partition by workspace_id, ip_address order by login_at
            range between current row and {{ window }} following
        ) as failure_count
    from failures

),

openings as (

    select distinct workspace_id, ip_address, opened_at
    from counted
    where failure_count >= 50

),

-- windows that overlap are one burst
marked as (

    select
        workspace_id,
        ip_address,
        opened_at,
        case
            when opened_at <= lag(opened_at) over (
                partition by workspace_id, ip_address order by opened_at
            ) + {{ window }} then 0
            else 1
        end as is_first
    from openings

),

numbered as (

    select
        *,
        sum(is_first) over (
            partition by workspace_id, ip_address order by opened_at rows unbounded preceding
        ) as burst_number
    from marked

),

spans as (

    select
        workspace_id,
        ip_address,
        burst_number,
        min(opened_at) as started_at,
        max(opened_at) + {{ window }} as open_until
    from numbered
    group by workspace_id, ip_address, burst_number

)

select
    spans.workspace_id,
    {{ key(['spans.ip_address', 'spans.started_at']) }} as burst_id,
    spans.ip_address,
    spans.started_at,
    max(failures.login_at) as ended_at,
    cast(count(*) as bigint) as failure_count
from spans
inner join failures
    on
        spans.workspace_id = failures.workspace_id
        and spans.ip_address = failures.ip_address
        and failures.login_at >= spans.started_at
        and failures.login_at <= spans.open_until
group by spans.workspace_id, spans.ip_address, spans.started_at
