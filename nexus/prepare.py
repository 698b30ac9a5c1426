"""The way from an empty folder to a company one can look at: generate, land, build.

Belongs here: which commands run, in which order, and how one sees that they have been done.
Does not belong here: what the commands do. Every step can be repeated: what is there already is recognised.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from nexus.errors import MachineError
from nexus.progress import progress
from nexus.settings import Settings

#: A step reads, checks and writes by turns: two keep two cores busy, and memory stays what `nexus up` promises.
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One command of `nexus`, run as its user would run it."""

    title: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that need nothing of one another."""

    title: str
    steps: tuple[Step, ...]


def published(settings: Settings) -> bool:
    """Whether readers have a version to read."""
    return (settings.warehouse_dir / "current").exists()


def stages(settings: Settings, customers: int, months: int, seed: int) -> list[Stage]:
    """What is still to be done for the demo company; nothing once a version is published."""
    if published(settings):
        return []
    export = demo_export(settings)
    plan = []
    if not (export.parent / "truth").exists():
        size = ("--customers", str(customers), "--months", str(months), "--seed", str(seed))
        plan.append(_alone("Generating the demo company", "demo", *size))
    # the largest first: whoever comes last has the machine for itself
    sources = ("okta", "s3", "stripe", "email_events", "paypal")
    landings = [
        Step(source, ("ingest", source, str(export / source), "--workspace", settings.workspace, "--remember"))
        for source in sources
    ]
    return [
        *plan,
        Stage("Landing its exports", tuple(landings)),
        _alone("Building, gating, publishing, training and scoring", "build"),
    ]


def _alone(title: str, *arguments: str) -> Stage:
    return Stage(title, (Step(title, arguments),))


def demo_export(settings: Settings) -> Path:
    """Where `nexus demo` writes the providers' exports."""
    return settings.home / "demo" / "demo" / "export"


def run(stage: Stage) -> None:
    """Runs every step in a process of its own; raises MachineError for the first that fails, after the others have ended.

    One step has the terminal for itself. Of several, two run at a time: each is a line while it runs, and shows what it
    had to say when it has ended.
    """
    if len(stage.steps) == 1:
        codes = [subprocess.run(_command(stage.steps[0]), check=False).returncode]
    else:
        with progress() as shown, ThreadPoolExecutor(AT_ONCE) as threads:
            codes = list(threads.map(lambda step: _in_line(step, shown), stage.steps))
    for step, code in zip(stage.steps, codes, strict=True):
        if code:
            raise MachineError(
                f"{step.title}: `nexus {' '.join(step.arguments)}` ended with exit code {code}",
                remedy="mend what the message above says and start again; what was done is kept",
            )


def _command(step: Step) -> Sequence[str]:
    return (sys.executable, "-m", "nexus", *step.arguments)


def _in_line(step: Step, shown: Progress) -> int:
    line = shown.add_task(step.title, total=1, note="")
    done = subprocess.run(
        _command(step), check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    shown.update(line, completed=1, note="" if done.returncode == 0 else "failed", visible=False)
    shown.console.print(done.stdout.decode(errors="replace").rstrip(), highlight=False, markup=False, soft_wrap=True)
    return done.returncode
