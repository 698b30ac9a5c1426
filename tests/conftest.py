"""Fixtures that every layer's tests share: a home of their own, one PostgreSQL, a demo company, a built warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings as properties
from pydantic import SecretStr
from xdist.scheduler import LoadScopeScheduling

from nexus import postgres
from nexus.settings import Settings
from tests import homes

# what a busy machine takes for an example says nothing about it
properties.register_profile("unhurried", deadline=None)
properties.load_profile("unhurried")
_numbers = count(1)
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


#: Folders that share what takes long to make stay together in one process; elsewhere the tests of a file do.
_TOGETHER = {
    "transforms": "company", "apps": "company", "features": "model", "ml": "model", "api": "model", "faults": "faults",
}  # fmt: skip


class _Together(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests to processes by `_TOGETHER`. (xdist's own groups do not reach it under pytest 9.)"""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return _TOGETHER.get(path.split("/")[1], path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    return _Together(config, log)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real records beside the checkout."""
    if not SHARED.exists():
        pytest.skip("the real records (../shared/data) do not lie beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def session_settings() -> Iterator[Settings]:
    """A home that lasts for the whole run, with an embedded PostgreSQL of its own."""
    with homes.home("test") as settings:
        homes.hurry(settings)
        yield settings


@contextmanager
def database_of_its_own(session_settings: Settings, home: Path) -> Iterator[Settings]:
    """A home with an empty database of its own on the shared server."""
    name = f"test_{next(_numbers)}"
    server = postgres.dsn(session_settings, "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    yield Settings(home=home, database_url=SecretStr(server.replace("/postgres?", f"/{name}?")))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())


@pytest.fixture
def settings(session_settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A home of its own with a database of its own on the shared server."""
    with database_of_its_own(session_settings, tmp_path / "home") as made:
        yield made


@pytest.fixture(scope="session")
def kernel(session_settings: Settings) -> Iterator[Any]:
    """The API on a port, over a migrated database; `kernel.caller()` is somebody of a workspace of their own."""
    from tests.api.kernel import serve

    with serve(session_settings) as served:
        yield served
