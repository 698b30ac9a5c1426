"""How Nexus shows a person what runs and how far it is: one look for every command.

Belongs here: the shared rich console, columns and tables. Does not belong here: what the work is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table


def console(stderr: bool = True) -> Console:
    """Progress and messages go to stderr, so that stdout carries only what was asked for."""
    return Console(stderr=stderr, highlight=False)


def progress() -> Progress:
    """A progress display: spinner, what, bar, how many, how long."""
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}"), console=console(), transient=False,
    )  # fmt: skip


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A closing table; numbers are right-aligned with thousands separated by commas."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    lines = [list(row) for row in rows]
    for index, name in enumerate(columns):
        numeric = bool(lines) and all(isinstance(line[index], int | float | None) for line in lines)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        made.add_row(*("" if v is None else f"{v:,}" if isinstance(v, int) else str(v) for v in line))
    return made
