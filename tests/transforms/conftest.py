"""The small demo company, built once for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nexus import postgres
from nexus.settings import Settings
from tests.transforms import shared


@pytest.fixture(scope="session")
def built(session_settings: Settings) -> Iterator[shared.Built]:
    """Both engines, built with every dbt test and unit test."""
    yield shared.make(session_settings, session_settings.home / "company")
    postgres.release(session_settings)
