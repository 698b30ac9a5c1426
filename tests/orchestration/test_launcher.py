"""Whether a started run still lives: by the process it has named, and not before its code server can start it again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from nexus.processes import birth
from orchestration.instance import PROCESS_TAG, clear_dead_runs, process_tag
from orchestration.lib.launcher import Launcher


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def started(instance: DagsterInstance, tags: dict[str, str]) -> DagsterRun:
    run = DagsterRun("build", status=DagsterRunStatus.STARTED, tags=tags)
    return instance.add_run(run)


def health(instance: DagsterInstance, run: DagsterRun) -> WorkerStatus:
    launcher = Launcher()
    launcher.register_instance(instance)
    return launcher.check_run_worker_health(run).status


def ended_process(run_id: str) -> str:
    """The tag of a run whose process has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        host = process_tag(run_id).split("/")[1]
        return f"{run_id}/{host}/{child.pid}/{birth(child.pid):.2f}"


def named(instance: DagsterInstance, value: str, tags: dict[str, str] | None = None) -> DagsterRun:
    run = started(instance, tags or {})
    instance.add_run_tags(run.run_id, {PROCESS_TAG: value.replace("RUN", run.run_id)})
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_a_run_in_this_process_lives(instance: DagsterInstance) -> None:
    run = named(instance, process_tag("RUN"))
    assert health(instance, run) is WorkerStatus.RUNNING
    assert clear_dead_runs(instance) == []


def test_a_run_whose_process_has_ended_is_dead(instance: DagsterInstance) -> None:
    run = named(instance, ended_process("RUN"))
    assert health(instance, run) is WorkerStatus.FAILED
    assert clear_dead_runs(instance) == [run.run_id]


def test_a_run_that_was_killed_before_its_first_event_is_dead(instance: DagsterInstance) -> None:
    tag = {PROCESS_TAG: ended_process("RUN")}
    run = instance.add_run(DagsterRun("build", run_id="RUN", status=DagsterRunStatus.NOT_STARTED, tags=tag))
    assert clear_dead_runs(instance) == [run.run_id]
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is DagsterRunStatus.FAILURE


def test_it_is_not_called_dead_while_nothing_could_start_it_again(instance: DagsterInstance, tmp_path: Path) -> None:
    server = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": str(tmp_path / "nobody.sock")})}
    assert health(instance, named(instance, ended_process("RUN"), server)) is WorkerStatus.RUNNING


def test_a_second_try_does_not_inherit_the_end_of_the_first(instance: DagsterInstance) -> None:
    run = named(instance, ended_process("00000000-0000-4000-8000-000000000000"))
    assert health(instance, run) is WorkerStatus.RUNNING
    assert clear_dead_runs(instance) == []
