"""Pulling live sources by the clock, and back-filling a month of them: jobs of operations, not of assets.

Belongs here: the jobs, the schedule, the partitions. Does not belong here: pulling (orchestration/live).

A pull needs no build lock, and a provider that is down must not keep a build from what has landed: so pulls run by
themselves, and the next refresh finds what they have landed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import (
    Backoff,
    Config,
    DefaultScheduleStatus,
    JobDefinition,
    MonthlyPartitionsDefinition,
    OpExecutionContext,
    RetryPolicy,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)

from nexus.connections import require
from nexus.errors import NexusError, Transient
from nexus.settings import Settings
from nexus.trouble import machine_error
from orchestration.lib.failures import translated
from orchestration.live.spec import Span

#: One month is back-filled at a time: others of the same connection would only wait for it, and hold places of runs.
POOL = "backfill"
#: Months that can be back-filled; the running one included.
MONTHS = MonthlyPartitionsDefinition(start_date="2010-01-01", end_offset=1)


class Which(Config):
    """What to pull: everything that is configured, or one workspace, or one connection of it."""

    workspace: str = ""
    connection: str = ""
    streams: list[str] = []  # noqa: RUF012 (Dagster reads the default)


def jobs(settings: Settings) -> Sequence[JobDefinition]:
    """`pull_sources` and `backfill_sources`."""

    @op(retry_policy=RetryPolicy(max_retries=2, delay=60, backoff=Backoff.EXPONENTIAL))
    def pull_each(context: OpExecutionContext, config: Which) -> None:
        """What has come since the last time, of every connection that is asked for."""
        with translated(context.retry_number):
            require(settings, config.workspace, config.connection)
            _pull(context, settings, config, None)

    @op(pool=POOL)
    def backfill_each(context: OpExecutionContext, config: Which) -> None:
        """The records of the month that the run's partition names."""
        window = context.partition_time_window
        with translated(context.retry_number):
            require(settings, config.workspace, config.connection)
            _pull(context, settings, config, Span(window.start.astimezone(UTC), window.end.astimezone(UTC)))

    @job(name="pull_sources", executor_def=in_process_executor, description="Every connection, since its last pull.")
    def pull_sources() -> None:
        pull_each()

    @job(
        name="backfill_sources",
        executor_def=in_process_executor,
        partitions_def=MONTHS,
        description="Records of a month, of every connection (or of the one that the run's configuration names).",
    )
    def backfill_sources() -> None:
        backfill_each()

    return [pull_sources, backfill_sources]


def schedule(settings: Settings, made: Sequence[JobDefinition]) -> ScheduleDefinition:
    """Every quarter of an hour, where a connection is configured."""

    def configured() -> bool:
        from nexus.connections import load_all

        return any(load_all(settings))

    return ScheduleDefinition(
        name="quarterly_pull",
        job=next(j for j in made if j.name == "pull_sources"),
        cron_schedule="*/15 * * * *",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        should_execute=lambda _: configured(),
        description="Every fifteen minutes, once a connection is configured.",
    )


def _pull(context: OpExecutionContext, settings: Settings, which: Which, span: Span | None) -> None:
    """Pulls one connection after another; one that fails, whatever it is, does not keep the others from it."""
    from nexus.connections import load_all
    from orchestration.live.pull import pull

    found, faults = load_all(settings)
    failures: list[NexusError] = [error for workspace, error in faults.items() if which.workspace in ("", workspace)]
    for error in failures:
        context.log.error(str(error))
    for connection in found:
        if which.workspace not in ("", connection.workspace) or which.connection not in ("", connection.name):
            continue
        began = datetime.now(UTC)
        try:
            report = pull(connection, settings, streams=tuple(which.streams), span=span)
            if which.connection:
                report.raise_unasked()
            report.raise_failed()
        except NexusError as error:
            context.log.error(str(error))
            failures.append(error)
            continue
        except Exception as error:
            known = machine_error(error) or NexusError(
                f"{connection.workspace}/{connection.name}: {type(error).__name__}: {error}",
                remedy="report this as a defect",
            )
            context.log.error(str(known), exc_info=error)
            failures.append(known)
            continue
        for stream in report.streams:
            if stream.note:
                context.log.warning(f"{connection.workspace}/{connection.name}/{stream.stream} {stream.note}")
        counts = ", ".join(f"{count:,} {name}" for name, count in report.total.as_dict().items())
        seconds = (datetime.now(UTC) - began).total_seconds()
        context.log.info(f"{connection.workspace}/{connection.name}: {counts} in {seconds:.0f} s")
    if failures:
        # what may pass is tried again only if nothing else is wrong
        raise next((f for f in failures if not isinstance(f, Transient)), failures[0])
