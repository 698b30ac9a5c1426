"""The asset graph, built once for all tests that look at it."""

from __future__ import annotations

from typing import Any

import pytest

from nexus.settings import Settings


@pytest.fixture(scope="session")
def definitions(session_settings: Settings) -> Any:
    from orchestration.build import build_defs

    return build_defs(session_settings)


@pytest.fixture(scope="session")
def graph(definitions: Any) -> Any:
    return definitions.get_repository_def().asset_graph
