"""What a person sees while a build runs, and at its end.

Belongs here: titles, the live display, the closing table. Does not belong here: running (execution.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nexus.progress import console, table

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from orchestration.execution import Outcome, StepState
    from orchestration.lib.progress import Told

_TITLES = {
    "dbt_marts": "Building and testing the marts",
    "dbt_features": "Building and testing the features",
    "dbt_predictions": "Building and testing the predictions",
    "gate_marts": "Gates: business rules and volume of the marts",
    "gate_features": "Gates: volume of the features",
    "gate_predictions": "Gates: volume of the predictions",
    "published_warehouse": "Publishing",
    "published_predictions": "Publishing the predictions",
    "online_features": "Filling the online store",
}
#: What is done with a model, by the end of its asset's name.
_OF_MODELS = {"model": "Training", "scores": "Scoring", "drift": "Looking for drift of"}
_MARKS = {
    "running": "[yellow]•[/]",
    "done": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "skipped": "[dim]-[/]",
    "retrying": "[yellow]↻[/]",
}


def title(key: str) -> str:
    """A step's name for people."""
    if key in _TITLES:
        return _TITLES[key]
    of, _, what = key.rpartition("_")
    if what in _OF_MODELS:
        return f"{_OF_MODELS[what]} {of}"
    verb, _, source = key.partition("_")
    return {"land": f"Landing {source}", "gate": f"Gates: contracts of {source}"}.get(verb, key)


def note(step: StepState) -> str:
    """What a step has done, in a few words."""
    if step.state == "failed":
        return f"[red]{_first_line(step.error)}[/]"
    parts = []
    if step.key.startswith("land_"):
        parts.append(f"{step.new_rows:,} new rows, {step.rows:,} in all")
    elif step.relations and step.rows:
        parts.append(f"{step.relations} relations, {step.rows:,} rows")
    if step.checks:
        bad = f", [red]{step.failed_checks} failed[/]" if step.failed_checks else ""
        parts.append(f"{step.checks} checks{bad}")
    return "; ".join(parts)


class Display:
    """One line for each step that has begun, with a bar for the one that runs."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._running: str | None = None
        self._mutex = threading.Lock()
        self._out = console()

    def on_step(self, step: StepState) -> None:
        with self._mutex:
            self._running = step.key if step.state == "running" else self._running
            if step.state == "skipped":
                return
            if self._progress is None:
                if step.state in {"done", "failed"}:
                    self._out.print(f"{_MARKS[step.state]} {title(step.key)} [dim]{step.seconds:.1f} s[/] {note(step)}")
                return
            text = f"{_MARKS[step.state]} {title(step.key)}"
            if step.key not in self._tasks:
                self._tasks[step.key] = self._progress.add_task(text, total=None, note="")
            task = self._tasks[step.key]
            self._progress.update(task, description=text, note=note(step))
            if step.state in {"done", "failed"}:
                self._progress.update(task, total=1, completed=1)

    def on_told(self, told: Told) -> None:
        with self._mutex:
            if self._progress is not None and self._running in self._tasks:
                self._progress.update(
                    self._tasks[self._running], completed=told.done, total=told.total, note=f"[dim]{told.note[:60]}[/]"
                )


@contextmanager
def live() -> Iterator[Display]:
    """A display on the terminal; plain lines where there is none."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from orchestration.lib.progress import listening

    out = console()
    if not out.is_terminal:
        display = Display(None)
        with listening(display.on_told):
            yield display
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=out, refresh_per_second=8) as progress:
        display = Display(progress)
        with listening(display.on_told):
            yield display


def summary(outcome: Outcome, version: int | None, url: str) -> None:
    """The closing lines: where the time went, gates, what readers see now."""
    out = console()
    passed = sum(gate.passed for gate in outcome.gates)
    slowest = sorted((s for s in outcome.steps if s.seconds), key=lambda s: -s.seconds)[:6]
    out.print(
        table("", ("slowest steps", "seconds", ""), [(title(s.key), f"{s.seconds:.1f}", note(s)) for s in slowest])
    )
    published = any(s.key.startswith("published_") and s.state == "done" for s in outcome.steps)
    serving = f"version {version}" if version else "nothing"
    reading = f"[green]{serving} is published[/]" if published else f"[red]not published[/]: readers see {serving}"
    out.print(
        f"{reading}; {passed} of {len(outcome.gates)} judged gates passed; {outcome.seconds:.0f} s. The run: {url}"
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:160] if text.strip() else ""
