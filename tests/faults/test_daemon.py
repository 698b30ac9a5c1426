"""Dagster's daemon, its code server and the run that both started, killed together: the run is recognised as dead.

Belongs here: what happens to runs. That services are started again is the supervisor's (tests/nexus/test_supervise.py).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from nexus import postgres
from nexus.processes import sweep
from nexus.settings import PROJECT, Settings
from orchestration.instance import code_socket, has_named_process, open_instance
from orchestration.services import services
from tests import homes
from tests.faults.conftest import landings
from tests.faults.shared import Digest, Zygote, differences, digest, environment, finish

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(3600)]

MARK = "NEXUS_TEST_DAEMON"


@pytest.fixture
def own(zygote: Zygote, company: Path) -> Iterator[Settings]:
    settings = homes.make("faults")
    postgres.dsn(settings)
    try:
        finish(zygote, settings, landings(company))
        yield settings
    finally:
        homes.discard(settings)


@contextmanager
def daemon(settings: Settings) -> Iterator[str]:
    """Code server and daemon as the supervisor starts them; they and all that they start carry the value of MARK."""
    value = f"{os.getpid()}-{time.monotonic_ns()}"
    started = []
    log = (settings.home / "daemon.log").open("ab")
    for service in services(settings):
        if service.name in ("dagster-code", "dagster-daemon"):
            env = {**os.environ, **environment(settings), **service.env, MARK: value, "PYTHONWARNINGS": "ignore"}
            started.append(
                subprocess.Popen(service.command, cwd=PROJECT, env=env, stdout=log, stderr=log, start_new_session=True)
            )
    try:
        yield value
    finally:
        kill(value)
        for process in started:
            process.wait(20)
        log.close()
        sweep(MARK, value)


def kill(value: str) -> None:
    """SIGKILL to every process that carries the mark, the run's own among them."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == value:
                process.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue


def launch(settings: Settings, job: str) -> None:
    """Puts a run of `job` into the queue, as the button in Dagster's pages does."""
    home = settings.home.resolve() / "dagster"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "dagster",
            "job",
            "launch",
            "-w",
            str(home / "workspace.yaml"),
            "-l",
            "nexus",
            "-j",
            job,
        ],
        cwd=PROJECT,
        env={**os.environ, **environment(settings), "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def wait(condition: Callable[[], Any], seconds: float, settings: Settings) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, said(settings)
        time.sleep(1)
    return found


def said(settings: Settings) -> str:
    """The end of what code server and daemon have logged, without the heartbeat of sensors."""
    lines = (settings.home / "daemon.log").read_text().splitlines()
    return "\n".join(line for line in lines if "SensorDaemon" not in line and "Sensor inbox" not in line)[-8000:]


def test_a_run_killed_with_its_daemon_is_dead_and_the_next_gives_the_same(
    own: Settings, zygote: Zygote, company: Path
) -> None:
    with open_instance(own) as instance:
        with daemon(own):
            wait(code_socket(own).exists, 300, own)
            launch(own, "refresh")
            first = wait(lambda: next(iter(instance.get_runs()), None), 300, own).run_id
            # in the middle of its work: some steps are done, dbt runs
            wait(lambda: began(instance, first, "dbt_marts"), 900, own)
            assert has_named_process(instance.get_run_by_id(first))
        assert not instance.get_run_by_id(first).is_finished, "killed, a run can tell nobody"
        with daemon(own):
            wait(lambda: instance.get_run_by_id(first).is_finished, 600, own)
            assert instance.get_run_by_id(first).is_failure
            # the daemon starts it once more by itself
            second = wait(lambda: next((r for r in instance.get_runs() if r.parent_run_id == first), None), 300, own)
            wait(lambda: instance.get_run_by_id(second.run_id).is_finished, 1800, own)
            assert instance.get_run_by_id(second.run_id).is_success
        assert [r.run_id for r in instance.get_runs() if not r.is_finished] == []
    assert differences(marts(digest(own)), marts(calm(zygote, company))) == []


def began(instance: Any, run: str, step: str) -> bool:
    from dagster import DagsterEventType

    records = instance.all_logs(run, of_type=DagsterEventType.STEP_START)
    assert not instance.get_run_by_id(run).is_finished, instance.get_run_by_id(run).status
    return any(r.dagster_event.step_key == step for r in records)


def calm(zygote: Zygote, company: Path) -> Digest:
    settings = homes.make("faults")
    try:
        finish(zygote, settings, [*landings(company), ["small-build", "--all"]])
        return digest(settings)
    finally:
        homes.discard(settings)


def marts(found: Digest) -> Digest:
    return {name: content for name, content in found.items() if not name.startswith("intermediate.")}
