"""Contributions as sentences: what speaks most for a score, in words that a person can check.

Belongs here: choosing the reasons and wording values by the unit that a feature's name carries.
Does not belong here: computing contributions (scorer.py), a model's words for its features (its spec).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COUNT = 3
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part in a score. `contribution` is in log-odds: above 0 raises the risk."""

    feature: str
    value: float | None
    typical: float | None
    contribution: float
    text: str


def top(
    features: Sequence[str], row: Sequence[float], contributions: NDArray[np.float64], typical: Sequence[float],
    labels: Mapping[str, str], count: int = COUNT,
) -> list[Reason]:  # fmt: skip
    """The strongest contributions, whichever way they point, strongest first; those of no effect are left out."""
    order = np.argsort(-np.abs(contributions), kind="stable")[:count]
    return [
        _reason(features[i], float(row[i]), float(typical[i]), float(contributions[i]), labels)
        for i in order.tolist()
        if contributions[i] != 0
    ]


def _reason(feature: str, value: float, typical: float, contribution: float, labels: Mapping[str, str]) -> Reason:
    label = labels.get(feature, feature.replace("_", " "))
    effect = "raises the risk" if contribution > 0 else "lowers the risk"
    shown = wording(feature, value)
    usual = "" if _flag(feature) or np.isnan(typical) else f" (usual: {wording(feature, typical)})"
    return Reason(
        feature=feature,
        value=None if np.isnan(value) else value,
        typical=None if np.isnan(typical) else typical,
        contribution=round(contribution, 6),
        text=f"{label}: {shown}{usual} {effect}",
    )


def wording(feature: str, value: float) -> str:
    """A value with its unit: `_pct` percent, `_minor` money in minor units, `_bytes` sizes, `is_`/`has_` yes or no."""
    if np.isnan(value):
        return "unknown"
    if _flag(feature):
        return "yes" if value else "no"
    if feature.endswith("_pct"):
        return f"{value:.0f} %"
    if feature.endswith("_minor"):
        return f"{value / 100:,.2f}"
    if "bytes" in feature:
        return _size(value)
    if feature == "tenure_days":
        return f"{value:,.0f} days"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _flag(feature: str) -> bool:
    return feature.startswith(("is_", "has_")) or "_is_" in feature


def _size(value: float) -> str:
    for unit in _BYTES:
        if abs(value) < 1000 or unit == _BYTES[-1]:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError
