"""A feature store made of the synthetic version, once for the whole run (Feast takes long to import)."""

from __future__ import annotations

import pytest

from nexus.settings import Settings
from tests.features import shared


@pytest.fixture(scope="session")
def filled(session_settings: Settings) -> Settings:
    """A home whose features are materialised: workspaces `demo` (enough to learn from) and `young` (too little)."""
    return shared.filled(session_settings)
