"""How a row is printed: one line for each side, the outputs' equality, and each goal with what was found.

Belongs here: text and JSON. Does not belong here: measuring (run.py).
"""

from __future__ import annotations

from typing import Any

from bench.row import MEGABYTE, Row
from bench.run import Result
from nexus.progress import console, table

#: Characters of the longest bar.
_WIDTH = 50
_COLUMNS = ("size", "side", "seconds", "per second", "peak MB", "ratio")


def lines(result: Result) -> list[list[object]]:
    """Rows of the table; the ratio is the first side's speed in units of this side's."""
    found: list[list[object]] = []
    for size, sides in result.measures.items():
        first = next(iter(sides.values()))
        for index, (name, measured) in enumerate(sides.items()):
            ratio = f"{first.rate / measured.rate:.2f}" if index and measured.rate else ""
            peak = round(measured.peak_bytes / MEGABYTE)
            found.append([f"{size:,}", name, f"{measured.seconds:.2f}", f"{measured.rate:,.0f}", peak, ratio])
    return found


def curve(result: Result, figure: str) -> list[str]:
    """A bar for each side at each size, as long as its `figure` is large. In brackets, by how much it has grown in units of
    what the size has grown by, since the smallest: no more than 1 lies below a straight line through nothing.
    """
    sizes = sorted(result.measures)
    values = {(side, n): result.measures[n][side].figures[figure] for n in sizes for side in result.measures[n]}
    longest, drawn = max(values.values()) or 1.0, []
    for (side, size), value in sorted(values.items()):
        smallest = values[side, sizes[0]]
        steep = value / smallest / (size / sizes[0]) if smallest else 0.0
        bar = "█" * max(1, round(_WIDTH * value / longest))
        drawn.append(f"{side:>12} {size:>12,} {bar} {value:.1f} ({steep:.2f})")
    return drawn


def verdicts(row: Row, result: Result) -> list[tuple[str, str, bool]]:
    """Goal, what was found, whether it is reached."""
    return [(goal.text, *goal.judge(result.measures)) for goal in row.goals]


def as_dict(row: Row, result: Result) -> dict[str, Any]:
    return {
        "title": row.title,
        "measures": {n: {s: m.as_dict() for s, m in sides.items()} for n, sides in result.measures.items()},
        "equal": not result.differences,
        "differences": result.differences,
        "goals": [{"goal": text, "found": found, "reached": ok} for text, found, ok in verdicts(row, result)],
    }


def show(name: str, row: Row, result: Result) -> None:
    out = console(stderr=False)
    out.print()
    out.print(table(f"{name}: {row.title}", _COLUMNS, lines(result)))
    for size, sides in result.measures.items():
        for side, measured in sides.items():
            for what, value in measured.figures.items():
                text = f"{value:,.0f}" if value == int(value) else f"{value:.2f}"
                out.print(f"  {side}, {size:,}: {what} {text}", style="dim")
    if row.curve:
        out.print(f"  {row.curve} against {row.unit}:")
        for line in curve(result, row.curve):
            out.print(f"  {line}", highlight=False)
    out.print("  outputs: equal" if not result.differences else "  outputs: NOT EQUAL", style="bold")
    for difference in result.differences:
        out.print(f"    {difference}", style="red")
    for text, found, reached in verdicts(row, result):
        out.print(f"  goal {text}: {found} → {'reached' if reached else 'missed'}")
