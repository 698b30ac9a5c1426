"""The way from an empty folder to a company one can look at: generate, land, build.

Belongs here: which commands run, in which order, and how one sees that they have been done.
Does not belong here: what the commands do. Every step can be repeated: what is there already is recognised.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nexus.errors import MachineError
from nexus.settings import Settings


@dataclass(frozen=True, slots=True)
class Step:
    """One command of `nexus`, run as its user would run it."""

    title: str
    arguments: tuple[str, ...]


def published(settings: Settings) -> bool:
    """Whether readers have a version to read."""
    return (settings.warehouse_dir / "current").exists()


def steps(settings: Settings, customers: int, months: int, seed: int) -> list[Step]:
    """What is still to be done for the demo company; nothing once a version is published."""
    if published(settings):
        return []
    export = demo_export(settings)
    plan = []
    if not (export.parent / "truth").exists():
        size = ("--customers", str(customers), "--months", str(months), "--seed", str(seed))
        plan.append(Step("Generating the demo company", ("demo", *size)))
    sources = ("stripe", "paypal", "s3", "email_events", "okta")
    plan += [
        Step(
            f"Landing {source}",
            ("ingest", source, str(export / source), "--workspace", settings.workspace, "--remember"),
        )
        for source in sources
    ]
    return [*plan, Step("Building, gating, publishing, training and scoring", ("build",))]


def demo_export(settings: Settings) -> Path:
    """Where `nexus demo` writes the providers' exports."""
    return settings.home / "demo" / "demo" / "export"


def run(step: Step) -> None:
    """Runs a step in a process of its own, its display on this terminal; raises MachineError when it fails."""
    command: Sequence[str] = (sys.executable, "-m", "nexus", *step.arguments)
    code = subprocess.run(command, check=False).returncode
    if code:
        raise MachineError(
            f"{step.title}: `nexus {' '.join(step.arguments)}` ended with exit code {code}",
            remedy="mend what the message above says and start again; what was done is kept",
        )
