"""Fixtures of jobs, and sagas that are forgotten at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nexus.sagas import declare
from tests.nexus.jobs.house import house, migrated

__all__ = ["forgotten", "house", "migrated"]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    before = declare.sagas()
    yield
    declare._register.clear()
    declare._register.update(before)
