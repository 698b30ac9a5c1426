"""The API under kill -9 while it answers: started again, it knows its tokens and says the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from api import credentials
from features import store
from nexus.ports import free_port
from nexus.settings import PROJECT, Settings

pytestmark = pytest.mark.integration

PREDICT = "/v1/models/churn:predict"


@contextmanager
def running(settings: Settings, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The API as the supervisor starts it, ready to answer; killed at the end at the latest."""
    assert settings.database_url is not None
    environment = {"NEXUS_HOME": str(settings.home), "NEXUS_DATABASE_URL": settings.database_url.get_secret_value()}
    arguments = ["-m", "uvicorn", "api.app:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=PROJECT, env={**os.environ, **environment}, start_new_session=True
    )
    try:
        while True:
            assert process.poll() is None, "the API has ended by itself"
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def test_killed_while_it_answers_it_says_the_same_again(served: Settings) -> None:
    port = free_port()
    customers = store.latest(served, "churn_v1", "demo").table["customer_id"].to_pylist()[:20]
    token = credentials.issue(served, ["demo"])
    request: dict[str, Any] = {"json": {"customer_ids": customers}, "headers": {"Authorization": f"Bearer {token}"}}
    answers, broken = [], 0
    for _ in range(2):
        with running(served, port) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            answers.append(client.post(PREDICT, **request).raise_for_status().json())
            threading.Timer(0.2, os.kill, [process.pid, signal.SIGKILL]).start()
            try:
                while True:
                    answers.append(client.post(PREDICT, **request).raise_for_status().json())
            except httpx.TransportError:
                broken += 1
            assert process.wait(20) == -signal.SIGKILL
    assert broken == 2
    assert len(answers) >= 2
    assert all(answer == answers[0] for answer in answers), "no answer is half an answer, before or after"
