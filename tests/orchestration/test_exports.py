"""Where builds look for exports again: what was remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.settings import Settings
from orchestration import exports
from orchestration.exports import Export


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_nothing_is_known_at_first(settings: Settings) -> None:
    assert exports.known(settings, "stripe") == []


def test_remembering_is_idempotent_and_can_be_undone(settings: Settings, tmp_path: Path) -> None:
    export = Export("demo", "okta", str(tmp_path))
    exports.remember(settings, export)
    exports.remember(settings, export)
    assert exports.known(settings, "okta") == [Export("demo", "okta", str(tmp_path.resolve()))]
    assert exports.forget(settings, tmp_path)
    assert not exports.forget(settings, tmp_path)
    assert exports.known(settings, "okta") == []


def test_what_is_gone_is_not_known(settings: Settings, tmp_path: Path) -> None:
    exports.remember(settings, Export("demo", "okta", str(tmp_path / "gone")))
    assert exports.known(settings, "okta") == []
