"""The Dagster instance of a home: its configuration file, opening it, and tidying up after a killed process.

Belongs here: where Dagster keeps its facts and how many builds may run at once.
Does not belong here: what runs (build.py) and which processes serve it (services.py).
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from nexus import postgres
from nexus.processes import birth, is_same
from nexus.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

#: Every run that writes the private build belongs to this pool; it has one place.
POOL = "warehouse"
#: Which process executes a run: `<run>/<host>/<pid>/<birth>`. A run that is started once more inherits the tags of the
#: one that failed; it has named its own process when the value begins with its own id.
PROCESS_TAG = "nexus/process"
_SCHEMA = "dagster"


def prepare(settings: Settings) -> Path:
    """Writes `dagster.yaml` where it differs and returns the folder to use as DAGSTER_HOME."""
    home = settings.home.resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(configuration(settings), sort_keys=False)
    path = home / "dagster.yaml"
    if not path.exists() or path.read_text() != text:
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        scratch.write_text(text)
        scratch.chmod(0o600)  # a server of one's own brings a password
        scratch.replace(path)
    return home


def configuration(settings: Settings) -> dict[str, Any]:
    """The content of `dagster.yaml`: facts in PostgreSQL, logs under the home, one build at a time, no telemetry."""
    home = settings.home.resolve() / "dagster"
    return {
        "storage": {"postgres": {"postgres_url": _storage_url(settings)}},
        "compute_logs": {
            "module": "dagster._core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(home / "logs")},
        },
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(home)},
        },
        "run_launcher": {"module": "orchestration.lib.launcher", "class": "Launcher"},
        "run_coordinator": {
            "module": "dagster._core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},  # who drops a file waits
        },
        "concurrency": {
            # `run`: a run holds its place from start to end, so that no other run slips between build and publish
            "pools": {"granularity": "run", "default_limit": 1},
            "runs": {"max_concurrent_runs": 4},
        },
        "run_monitoring": {"enabled": True, "start_timeout_seconds": 180, "poll_interval_seconds": 20},
        # what an asset raises is retried by the asset itself, if it can help; a killed worker is retried whole
        "run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False},
        "freshness": {"enabled": True},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "retention": {"schedule": {"purge_after_days": 30}, "sensor": {"purge_after_days": {"skipped": 7}}},
    }


def open_instance(settings: Settings, capture: bool = True) -> DagsterInstance:
    """The instance of this home; makes its tables the first time.

    Without `capture` what runs print is not redirected into files, so that a terminal can be written to meanwhile.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = prepare(settings)
    os.environ["DAGSTER_HOME"] = str(home)
    quiet = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    overrides = {} if capture else {"compute_logs": quiet}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides))


@contextmanager
def connected(instance: DagsterInstance) -> Iterator[None]:
    """Meanwhile the stores of `instance` keep their connections to PostgreSQL open, and what they know of its tables.

    Dagster opens one, and PostgreSQL starts a process for it, for each of the two thousand statements that a build makes.
    One that PostgreSQL has closed meanwhile is noticed before it is used. And for each asset it asks which columns the
    table of assets has, which are migrated when an instance is opened and never later.
    """
    from sqlalchemy import create_engine

    stores: tuple[Any, ...] = (instance.event_log_storage, instance.run_storage)
    kept = [(store, engine) for store in stores if (engine := getattr(store, "_engine", None)) is not None]
    for store, engine in kept:
        store._engine = create_engine(engine.url, isolation_level="AUTOCOMMIT", pool_size=2, pool_pre_ping=True)
    events: Any = instance.event_log_storage
    asked = getattr(events, "has_asset_key_col", None)
    if asked is not None:
        events.has_asset_key_col = cache(asked)
    try:
        yield
    finally:
        if asked is not None:
            events.has_asset_key_col = asked
        for store, engine in kept:
            store._engine.dispose()
            store._engine = engine


def code_socket(settings: Settings) -> Path:
    """Where the one code server answers; short, because a Unix socket's path may not exceed 100 letters."""
    path = settings.run_dir.resolve() / "dagster.sock"
    if len(str(path)) < 100:
        return path
    return Path(tempfile.gettempdir()) / f"nexus-dagster-{sha256(str(path).encode()).hexdigest()[:12]}.sock"


def process_tag(run_id: str) -> str:
    """The value of PROCESS_TAG for a run that this process executes."""
    return f"{run_id}/{socket.gethostname()}/{os.getpid()}/{birth(os.getpid()):.2f}"


def has_named_process(run: DagsterRun) -> bool:
    """Whether it is known which process executes `run`: it is from the run's first step on."""
    return run.tags.get(PROCESS_TAG, "").startswith(f"{run.run_id}/")


def clear_dead_runs(instance: DagsterInstance) -> list[str]:
    """Marks runs as failed whose process is gone, and frees what they held; returns their ids.

    Only runs whose process is known and of this machine are judged: its pid and birth say whether it lives.
    """
    from dagster import DagsterRunStatus, RunsFilter

    # NOT_STARTED: a run of `nexus build` that was killed before its first event, which Dagster itself never looks at again
    unfinished = [
        DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING,
    ]  # fmt: skip
    cleared = []
    for run in instance.get_runs(RunsFilter(statuses=unfinished)):
        if is_dead(run):
            instance.report_run_failed(run, "The process that executed this run ended without a word (killed?).")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            cleared.append(run.run_id)
    return cleared


def is_dead(run: DagsterRun) -> bool:
    """Whether the process that executes `run` is known, was of this machine, and is gone."""
    if not has_named_process(run):
        return False
    _, host, pid, born = run.tags[PROCESS_TAG].split("/")
    return host == socket.gethostname() and not is_same(int(pid), float(born))


def _storage_url(settings: Settings) -> str:
    if settings.database_url is None:
        return postgres.dsn(settings, "dagster")
    # a server of one's own gives one database: Dagster's tables get a schema in it, or they would meet MLflow's
    import psycopg

    url = postgres.dsn(settings)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create schema if not exists {_SCHEMA}")
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={_SCHEMA}')}"
