"""Fixtures that every layer's tests share: a home of their own, one PostgreSQL, a demo company, a built warehouse."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus import postgres
from nexus.settings import Settings

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real records beside the checkout."""
    if not SHARED.exists():
        pytest.skip("the real records (../shared/data) do not lie beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def session_settings() -> Iterator[Settings]:
    """A home that lasts for the whole run, with an embedded PostgreSQL of its own."""
    # not pytest's tmp_path: its parents are closed to the account that PostgreSQL runs as under root
    home = Path(tempfile.mkdtemp(prefix="nexus-test-"))
    home.chmod(0o755)
    settings = Settings(home=home)
    server = postgres.describe(settings)
    yield settings
    postgres.release(settings)
    postgres.stop(server)
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(server.data, ignore_errors=True)
