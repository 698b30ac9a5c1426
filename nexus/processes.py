"""Operating-system processes: ending whole groups, finding descendants, asking whether a port answers.

Belongs here: what is true of any process. Does not belong here: what Nexus runs (services.py) or when (supervise.py).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
from pathlib import Path

import psutil


def sweep(variable: str, value: str, grace: float = 5.0) -> None:
    """Ends every process that was started with `variable=value` in its environment, in whatever session it runs."""
    if not value:
        return
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(variable) == value:
                process.terminate()
                found.append(process)
    _, alive = psutil.wait_procs(found, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=grace)


def terminate_group(group: int, grace: float) -> None:
    """SIGTERM to a process group, SIGKILL to what is left of it after `grace` seconds."""
    deadline = time.monotonic() + grace
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(group, os.WNOHANG)
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)


def answers(host: str, port: int, path: str, timeout: float = 1.0) -> bool:
    """Whether `GET path` gives a status below 400."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def birth(pid: int) -> float:
    """When `pid` was created, in seconds since the machine started: setting the clock does not change it.

    Raises psutil.NoSuchProcess.
    """
    try:
        # the name in parentheses may hold spaces; the start is the 22nd field
        text = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
        return int(text.split()[19]) / os.sysconf("SC_CLK_TCK")
    except (FileNotFoundError, ProcessLookupError):
        # not Linux, or gone
        process = psutil.Process(pid)
        return process.create_time() - psutil.boot_time()


def is_same(pid: int, born: float) -> bool:
    """Whether `pid` is still the process whose `birth` was `born`, and not a later one."""
    try:
        return abs(birth(pid) - born) < 0.5
    except psutil.NoSuchProcess:
        return False
