"""The supervisor: healthy services, restarts with back-off, and nothing left behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from nexus.errors import ConflictError, MachineError
from nexus.ports import free_port
from nexus.processes import answers
from nexus.services import Service
from nexus.settings import Settings
from nexus.supervise import Supervisor, back_off, check_ports, exclusive, read_state, stop

pytestmark = pytest.mark.integration

_RUN = """
import sys, pathlib
from nexus.services import Service
from nexus.settings import Settings
from nexus.supervise import Supervisor
home, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
web = (sys.executable, "-c",
       "import subprocess, sys; subprocess.Popen(['sleep', '300'], start_new_session=True);"
       f"from http.server import *; HTTPServer(('127.0.0.1', {port}), SimpleHTTPRequestHandler).serve_forever()")
settings = Settings(home=home, database_url="postgresql://unused/unused")
Supervisor(settings, [Service("web", web, "test", port=port)]).run()
"""


def _wait(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url="postgresql://unused/unused")


@pytest.fixture
def running(settings: Settings) -> Iterator[tuple[Settings, int, subprocess.Popen[bytes]]]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", _RUN, str(settings.home), str(port)]) as process:
        try:
            _wait(lambda: _state(settings).get("state") == "healthy")
            yield settings, port, process
        finally:
            stop(settings)
            process.kill()


def _state(settings: Settings) -> dict[str, object]:
    content = read_state(settings)
    services = content["services"] if content else []
    return next((s for s in services if s["name"] == "web"), {})  # type: ignore[attr-defined]


def _marked(settings: Settings) -> list[int]:
    content = json.loads((settings.run_dir / "supervisor.json").read_text())
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NEXUS_SUPERVISED_BY") == content["marker"]:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_killed_service_is_restarted_and_shown(running: tuple[Settings, int, subprocess.Popen[bytes]]) -> None:
    settings, port, _ = running
    first = int(str(_state(settings)["pid"]))
    os.kill(first, signal.SIGKILL)
    _wait(lambda: _state(settings).get("restarts") == 1)
    _wait(lambda: _state(settings).get("state") == "healthy")
    assert _state(settings)["pid"] != first
    assert _state(settings)["last_exit"] == -signal.SIGKILL
    assert answers("127.0.0.1", port, "/")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(running: tuple[Settings, int, subprocess.Popen[bytes]], number: int) -> None:
    settings, port, process = running
    pids = _marked(settings)
    assert len(pids) >= 2, "the service and its grandchild in a session of its own"
    process.send_signal(number)
    process.wait(30)
    stop(settings)
    _wait(lambda: not [p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != "zombie"])
    assert not answers("127.0.0.1", port, "/")
    assert read_state(settings) is None


def test_back_off_grows_to_a_minute() -> None:
    assert [back_off(restarts) for restarts in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_what_ends_is_started_again_no_sooner_than_its_back_off(settings: Settings) -> None:
    supervisor = Supervisor(settings, [Service("broken", (sys.executable, "-c", "raise SystemExit(3)"), "test")])
    ended: list[float] = []

    def watch(_: object) -> None:
        state = supervisor.states["broken"]
        if state.state == "waiting" and len(ended) < state.restarts:
            ended.append(time.monotonic())
        if len(ended) == 3:
            supervisor.request_stop()

    supervisor.run(watch)
    assert supervisor.states["broken"].last_exit == 3
    # seen within a tick of its end, so a tick may be missing
    assert ended[2] - ended[0] > back_off(0) + back_off(1) - 1


def test_one_supervisor_for_a_home(settings: Settings) -> None:
    with exclusive(settings), pytest.raises(ConflictError, match="already running"), exclusive(settings):
        pass


def test_taken_port_is_named(settings: Settings) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(MachineError, match=f"{port} .web. is held by process {os.getpid()}") as caught:
            check_ports(settings, [Service("web", ("true",), "test", port=port)])
    assert "NEXUS_WEB_PORT" in str(caught.value)
