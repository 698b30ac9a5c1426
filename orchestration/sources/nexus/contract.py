"""The source Nexus: predictions of its own models, landed like any other records.

Belongs here: what batch scoring writes. Does not belong here: scoring (ml), the event log (a later table).
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

SOURCE = Source(
    name="nexus",
    title="Nexus",
    description="Batch predictions of the platform's own models, as JSON lines or Parquet.",
    owner="data-science",
    readers={"*.jsonl": "jsonl", "*.parquet": "parquet"},
    kind="case when (doc->'$.prediction_id') is not null then 'churn_score' end",
    tables=(CHURN_SCORE,),
)
