"""Whether customers look different now from those that a model learned from: by column, as a report and as a check.

Belongs here: comparing two tables (Evidently), the verdict with its floors. Pure: tables in, values and HTML out.
Does not belong here: which tables, and where the report is kept (report.py).

Drift says "look here", never "the model is wrong": it promotes and retires nothing.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: A column counts as drifted from this distance on (normalised Wasserstein distance; Jensen-Shannon for few values).
THRESHOLD = 0.1
#: The check fails when more than this share of the columns drifted.
SHARE = 0.5
#: Under these volumes distances are chance: the check then says so and passes.
MINIMUM_REFERENCE, MINIMUM_CURRENT = 500, 100


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column: distance of its distributions (None if either side knows no value), share of unknown values."""

    column: str
    distance: float | None
    method: str
    drifted: bool
    unknown_reference: float
    unknown_current: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The comparison. `share` is the share of drifted columns."""

    columns: tuple[ColumnDrift, ...]
    share: float
    rows_reference: int
    rows_current: int

    def json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check's answer. `enough` is False when there were too few rows to say anything."""

    passed: bool
    enough: bool
    message: str


def compare(reference: pd.DataFrame, current: pd.DataFrame, html: Path | None = None) -> Drift:
    """Distances of all columns of `reference` (numbers); writes Evidently's report to `html` if given.

    A column that had values and has none any more (or the other way round) counts as drifted.
    """
    names = list(reference.columns)
    unknown = {n: (_unknown(reference[n]), _unknown(current[n])) for n in names}
    comparable = [n for n in names if max(unknown[n]) < 1.0]
    measured = _evidently(reference[comparable], current[comparable], html) if comparable else {}
    columns = []
    for name in names:
        before, now = unknown[name]
        distance, method = measured.get(name, (None, "no values"))
        drifted = distance >= THRESHOLD if distance is not None else before != now
        columns.append(ColumnDrift(name, distance, method, drifted, round(before, 6), round(now, 6)))
    share = sum(c.drifted for c in columns) / len(columns) if columns else 0.0
    return Drift(tuple(columns), round(share, 6), len(reference), len(current))


def check(drift: Drift, share: float = SHARE) -> Verdict:
    """Fails when too many columns drifted; passes, saying so, when there are too few rows to tell."""
    if drift.rows_reference < MINIMUM_REFERENCE or drift.rows_current < MINIMUM_CURRENT:
        return Verdict(
            True, False,
            f"too few rows to tell: {drift.rows_reference:,} before and {drift.rows_current:,} now "
            f"(at least {MINIMUM_REFERENCE:,} and {MINIMUM_CURRENT:,})",
        )  # fmt: skip
    drifted = sorted((c for c in drift.columns if c.drifted), key=lambda c: -(c.distance or np.inf))
    names = ", ".join(f"{c.column} ({'no values' if c.distance is None else f'{c.distance:.2f}'})" for c in drifted[:5])
    message = f"{len(drifted)} of {len(drift.columns)} features have drifted" + (f": {names}" if names else "")
    return Verdict(drift.share <= share, True, message)


def _unknown(column: pd.Series) -> float:
    return float(column.isna().mean()) if len(column) else 1.0


def _evidently(reference: pd.DataFrame, current: pd.DataFrame, html: Path | None) -> dict[str, tuple[float, str]]:
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import Report
        from evidently.metrics import ValueDrift

        # the distance is named, so that its meaning does not change with the number of rows
        metrics = [
            ValueDrift(column=c, method="jensenshannon" if reference[c].nunique() <= 5 else "wasserstein")
            for c in reference.columns
        ]
        snapshot = Report(metrics).run(current.astype(float), reference.astype(float))
        if html is not None:
            html.parent.mkdir(parents=True, exist_ok=True)
            snapshot.save_html(str(html))
    found = {}
    for metric in snapshot.dict()["metrics"]:
        config = metric["config"]
        found[config["column"]] = (round(float(metric["value"]), 6), str(config.get("method", "")))
    return found
