"""The source Nexus: predictions of its own models and what happened in its own services, landed like any other records.

Belongs here: the form of both. Does not belong here: scoring (ml), the event log (nexus/events), reading it (live.py).
"""

from __future__ import annotations

from datetime import timedelta

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, day, exact, part, text, whole

CHURN_SCORE = Table(
    "nexus", "churn_score", nature="event", id="prediction_id", event_at="scored_at", freshness=timedelta(days=2),
    select="select _line, _text, doc from documents where _kind = 'churn_score'",
    description="One row per customer and scoring run of a churn model.",
    columns=columns(
        text("prediction_id"),
        text("model_name", None, "Registered model", required=True),
        text("model_version", None, "Version in the registry", required=True),
        text("feature_service", None, "Feature service and version", required=True),
        text("customer_id", None, required=True),
        at("scored_at", None, "When it was computed", required=True),
        day("as_of_date", None, "Data date of the features", required=True),
        exact("score", None, "Probability, 0 to 1", required=True, minimum=0),
        whole("decile", None, "1 is the highest tenth of the run", minimum=1),
        text("reason_1", None, "Largest contribution"),
        text("reason_2"),
        text("reason_3"),
        text("warehouse_version", None, "Published version that the features came from"),
        part("contributions", None, "Contribution of each feature to the score"),
    ),
)  # fmt: skip

EVENT = Table(
    "nexus", "event", nature="event", id="event_id", event_at="occurred_at",
    select="select _line, _text, doc from documents where _kind = 'event'",
    description="One row per event of the operational services, in the envelope of CloudEvents 1.0.",
    columns=columns(
        text("event_id", "id", "CloudEvents id, evt_ and a UUIDv7"),
        text("event_type", "type", "<domain>.<entity>.<happened>", required=True),
        text("event_source", "source", "The service that it happened in", required=True),
        text("subject_id", "subject", "Id of the entity that it happened to", required=True),
        whole("stream_sequence", "sequence", "Place among the events of its entity, from 1", required=True, minimum=1),
        at("occurred_at", "time", "When it happened", required=True),
        whole("schema_version", "schemaver", "Version of the form of data", required=True, minimum=1),
        text("organisation_id", "tenantid", "Whose event it is", required=True),
        text("event_workspace_id", "workspaceid", "Workspace that the event names; null: the organisation's own"),
        text("traceparent", None, "W3C trace context of the request or job"),
        text("correlation_id", "correlationid", "The same for all that one request led to"),
        text("causation_id", "causationid", "The event that led to it"),
        part("data", None, "What happened, in the form that type and schema_version say"),
        text("content_type", "datacontenttype"),
        text("spec_version", "specversion"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="nexus",
    title="Nexus",
    description="The platform's own events, drained from its log, and batch predictions of its own models.",
    owner="data-science",
    readers={"*.jsonl": "jsonl", "*.parquet": "parquet"},
    kind="case when (doc->'$.specversion') is not null then 'event' "
    "when (doc->'$.prediction_id') is not null then 'churn_score' end",
    tables=(CHURN_SCORE, EVENT),
)
