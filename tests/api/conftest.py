"""The API on a real port, over a home with features and a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api import credentials
from api.app import create_app
from api.patience import Protocol
from nexus.ports import free_port
from nexus.settings import Settings
from tests.features import shared


@pytest.fixture(scope="session")
def served(session_settings: Settings) -> Settings:
    shared.trained(session_settings)
    return shared.filled(session_settings)


@contextmanager
def running(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """Address of the application while it is served."""
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", http=Protocol))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)


@pytest.fixture(scope="session")
def address(served: Settings) -> Iterator[str]:
    with running(create_app(served)) as found:
        yield found


@pytest.fixture
def anyone(address: str) -> Iterator[httpx.Client]:
    """A caller without a token."""
    with httpx.Client(base_url=address, timeout=20) as client:
        yield client


@pytest.fixture
def caller(anyone: httpx.Client, served: Settings) -> httpx.Client:
    """A caller whose token carries workspace `demo`."""
    anyone.headers["Authorization"] = f"Bearer {credentials.issue(served, ['demo'])}"
    return anyone
