"""Preparing a machine: in which order, and what a step that fails leaves."""

from __future__ import annotations

import pytest

from nexus import prepare
from nexus.errors import MachineError
from nexus.prepare import Stage, Step
from nexus.settings import Settings


def test_nothing_is_done_twice(settings: Settings) -> None:
    titles = [stage.title for stage in prepare.stages(settings, 20, 2, 7)]
    assert titles[0].startswith("Generating")
    assert titles[-1].startswith("Building")
    (settings.home / "demo" / "demo" / "truth").mkdir(parents=True)
    assert [s.title for s in prepare.stages(settings, 20, 2, 7)] == titles[1:]
    (settings.warehouse_dir).mkdir(parents=True)
    (settings.warehouse_dir / "current").touch()
    assert prepare.stages(settings, 20, 2, 7) == []


def test_the_others_of_a_stage_end_before_its_failure_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    stage = Stage("both", (Step("bad", ("no-such-command",)), Step("good", ("sql", "--help"))))
    with pytest.raises(MachineError, match="bad: `nexus no-such-command` ended with exit code 2"):
        prepare.run(stage)
    shown = capfd.readouterr().err
    assert "No such command" in shown
    assert "Usage: " in shown
