"""Jobs and when they run: the graph by the hour without training, training and compaction by day, drift by week.

What is dropped into the inbox does not wait for the hour: see arrivals.py.

Belongs here: selections and cron lines. Does not belong here: assets.
"""

from functools import lru_cache

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from nexus.settings import Settings
from orchestration.defs import arrivals, lake, models


@lru_cache(maxsize=1)
def jobs() -> dict[str, UnresolvedAssetJobDefinition]:
    """Every job by name."""
    everything = AssetSelection.all() - AssetSelection.assets(arrivals.PUBLISHED, lake.COMPACTED)
    learning = AssetSelection.assets(*models.learning())
    model = AssetSelection.assets(*models.trained())
    made = (
        define_asset_job("build", everything, description="The whole path, from exports to predictions and drift."),
        define_asset_job("refresh", everything - learning, description="The whole path, with the models there are."),
        define_asset_job(
            "train", model.downstream(), description="Learns, scores, publishes predictions, looks for drift."
        ),
        arrivals.job(),
        define_asset_job(
            "compact", AssetSelection.assets(lake.COMPACTED), description="Merges small files of the lake."
        ),
        define_asset_job("drift", AssetSelection.assets(*models.drifting()), description="Looks for drift alone."),
    )
    return {job.name: job for job in made}


def schedules(settings: Settings) -> list[ScheduleDefinition]:
    """Four clocks, running from the start; the hourly one rests while nothing has arrived."""
    made = jobs()

    def when_something_arrived(context: ScheduleEvaluationContext) -> bool:
        from orchestration.exports import something_new

        return something_new(settings)

    running = DefaultScheduleStatus.RUNNING
    return [
        ScheduleDefinition(
            name="hourly_refresh", job=made["refresh"], cron_schedule="0 * * * *", execution_timezone="UTC",
            default_status=running, should_execute=when_something_arrived,
            description="Every hour, if exports or batches have arrived since the last publication.",
        ),
        ScheduleDefinition(
            name="daily_training", job=made["train"], cron_schedule="30 3 * * *", execution_timezone="UTC",
            default_status=running, should_execute=lambda _: _published(settings),
            description="Every night, once something is published.",
        ),
        ScheduleDefinition(
            name="weekly_drift", job=made["drift"], cron_schedule="0 5 * * 1", execution_timezone="UTC",
            default_status=running, should_execute=lambda _: _published(settings),
            description="Every Monday, once something is published.",
        ),
        ScheduleDefinition(
            name="nightly_compaction", job=made["compact"], cron_schedule="30 2 * * *", execution_timezone="UTC",
            default_status=running, description="Every night.",
        ),
    ]  # fmt: skip


def _published(settings: Settings) -> bool:
    from warehouse.current import read_current

    return read_current(settings) is not None
