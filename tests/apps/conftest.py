"""A published warehouse for the tests that read one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nexus.settings import Settings, get_settings
from tests.apps import shared
from warehouse import marts


@pytest.fixture(scope="session")
def published(session_settings: Settings) -> Settings:
    """A home with a published demo company."""
    shared.published(session_settings)
    return session_settings


@pytest.fixture
def at_home(published: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """This process reads the published home, as the pages do."""
    monkeypatch.setenv("NEXUS_HOME", str(published.home))
    get_settings.cache_clear()
    yield published
    get_settings.cache_clear()
    marts.reader(published).close()
