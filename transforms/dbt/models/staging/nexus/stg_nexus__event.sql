with source as (

    select * from {{ source('nexus', 'raw_nexus__event') }}

),

renamed as (

    select
        workspace_id,
        event_id,
        event_type,
        event_source,
        subject_id,
        stream_sequence,
        occurred_at,
        schema_version,
        organisation_id,
        event_workspace_id,
        traceparent,
        correlation_id,
        causation_id,
        data,
        _load_seq
    from source

)

select * from renamed
