"""`nexus serve` by itself: what it started ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import httpx

from nexus import postgres
from nexus.ports import free_port
from nexus.settings import PROJECT
from tests import homes


def test_sigterm_leaves_no_database_behind() -> None:
    settings = homes.make("serve")
    server = postgres.describe(settings)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "nexus", "serve", "--port", str(port)],
        cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(settings.home)}, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while True:
            assert process.poll() is None, "the API has ended by itself"
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        assert server.pid is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert server.pid is None
    finally:
        process.kill()
        process.wait()
        homes.discard(settings)
