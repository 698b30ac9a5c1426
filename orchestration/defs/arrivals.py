"""What is dropped into the inbox, and what happens in Nexus's own services, reaches the published marts within a minute.

Belongs here: the sensor `inbox`, the job `arrivals` (the short way through the graph), which assets a source concerns.
Does not belong here: the inbox itself (orchestration/inbox), the event log (orchestration/live/own.py), publishing.

The short way lands, loads, builds and judges what is made of the sources concerned, and publishes: the current version
with its marts replaced. Features, scores and drift follow with the hourly refresh; until then a version carries the
features and predictions of its predecessor, which agree with each other. Every gate of the marts stands before that
publication too: those of what was built anew judge again, those of the rest must have passed last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
)
from dagster import sensor as dagster_sensor
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from nexus.settings import Settings
from orchestration.lib.raw import ARRIVALS

PUBLISHED = "published_arrivals"
JOB, WHOLE_JOB, SENSOR = "arrivals", "refresh", "inbox"
#: Seconds between two looks.
LOOK_EVERY = 5
#: Seconds before files that a run has left lying are tried again; doubled each time, up to an hour.
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 3600
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


def job() -> UnresolvedAssetJobDefinition:
    """The short way; the sensor asks for the part of it that a source concerns."""
    selection = AssetSelection.assets(PUBLISHED).upstream()
    return define_asset_job(JOB, selection, description="What was dropped, from the inbox to the published marts.")


def sensor(
    settings: Settings,
    jobs: Mapping[str, UnresolvedAssetJobDefinition],
    made_of: Mapping[str, Collection[str]],
    gates: Collection[tuple[str, str]],
) -> SensorDefinition:
    """Looks into the inbox. `made_of` names, by source, its raw tables and all that is made of them; `gates` are those
    that the publication demands.
    """

    @dagster_sensor(
        name=SENSOR,
        jobs=[jobs[JOB], jobs[WHOLE_JOB]],
        minimum_interval_seconds=LOOK_EVERY,
        default_status=DefaultSensorStatus.RUNNING,
        description="A file dropped into inbox/<workspace>/<source>/, and new events of the services, go into the published "
        "marts at once.",
    )
    def inbox(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        return look(settings, made_of, gates, context.instance, context.cursor)

    return inbox


def look(
    settings: Settings,
    made_of: Mapping[str, Collection[str]],
    gates: Collection[tuple[str, str]],
    instance: DagsterInstance,
    cursor: str | None,
    clock: Any = time.time,
) -> SensorResult | SkipReason:
    """One look: puts strays away, and asks for a run for what has arrived whole.

    The cursor holds what was asked for last, when, and how often: a file that runs leave lying is tried ever less.
    """
    from orchestration.inbox import refuse_strays, settled
    from orchestration.live import own

    strays = refuse_strays(settings)
    arrived = settled(settings)
    events = own.waiting(settings)
    if not arrived and not events:
        told = f"put away, see {', '.join(p.name for p in strays)}" if strays else "the inbox is empty"
        return SkipReason(told)
    if any(instance.get_runs(RunsFilter(job_name=name, statuses=_UNFINISHED), limit=1) for name in (JOB, WHOLE_JOB)):
        return SkipReason("a run is under way; what it leaves will be asked for again")
    lying = sorted([*(str(drop.path.relative_to(settings.home)) for drop in arrived), *events])
    last = json.loads(cursor) if cursor else {}
    times = last["times"] + 1 if last.get("lying") == lying else 0
    if times and clock() < last["at"] + min(_FIRST_PAUSE * 2 ** (times - 1), _LONGEST_PAUSE):
        return SkipReason(f"the last run left {', '.join(lying)}; trying again later")
    sources = sorted({*(drop.source for drop in arrived), *([own.SOURCE] if events else [])})
    return SensorResult(
        run_requests=[_request(settings, sources, made_of, gates)],
        cursor=json.dumps({"lying": lying, "times": times, "at": clock()}),
    )


def _request(
    settings: Settings,
    sources: Iterable[str],
    made_of: Mapping[str, Collection[str]],
    gates: Collection[tuple[str, str]],
) -> RunRequest:
    concerned = sorted({name for source in sources for name in made_of[source]})
    if not _can_be_short(settings, set(concerned), gates):
        return RunRequest(job_name=WHOLE_JOB, tags={"nexus/sources": ",".join(sources)})
    return RunRequest(
        asset_selection=[AssetKey([name]) for name in (*concerned, PUBLISHED)],
        job_name=JOB,
        tags={ARRIVALS: ",".join(sources)},
    )


def _can_be_short(settings: Settings, concerned: set[str], gates: Collection[tuple[str, str]]) -> bool:
    """Whether there is a version to complete, and everything else in the build was judged after it was built."""
    from warehouse.current import read_current
    from warehouse.quality.record import recorded
    from warehouse.versions import list_versions

    current = read_current(settings)
    version = next((v for v in list_versions(settings) if current and v.version == current.version), None)
    if version is None or version.engine != settings.warehouse or not version.path.exists():
        return False
    judged = {(r.relation, r.gate) for r in recorded(settings)}
    return {(relation, gate) for relation, gate in gates if relation not in concerned} <= judged
