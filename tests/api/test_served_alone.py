"""`nexus serve` by itself: what it started ends with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from nexus import postgres
from nexus.ports import free_port
from nexus.settings import PROJECT, Settings


def test_sigterm_leaves_no_database_behind() -> None:
    # not pytest's tmp_path: its parents are closed to the account that PostgreSQL runs as under root
    home = Path(tempfile.mkdtemp(prefix="nexus-serve-"))
    home.chmod(0o755)
    server = postgres.describe(Settings(home=home))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "nexus", "serve", "--port", str(port)],
        cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(home)}, stdout=subprocess.DEVNULL, start_new_session=True,
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
        postgres.stop(server)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(server.data, ignore_errors=True)
