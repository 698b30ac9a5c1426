"""How good scores are, and how sure that is: measures with bootstrap intervals, and the comparison that promotes.

Belongs here: AUC, average precision, Brier score, calibration error, clustered bootstrap. Numpy alone.
Does not belong here: which model, where figures are kept.

The bootstrap draws customers, not rows: a customer stands in many months, and those rows are no independent witnesses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Measure = Callable[[Array, Array, Array], float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Model and baseline on the same rows. Differences are model − baseline; `beats` is the rule of promotion."""

    rows: int
    positives: int
    customers: int
    model: dict[str, Interval]
    baseline: dict[str, Interval]
    difference: dict[str, Interval]

    @property
    def beats(self) -> bool:
        """Ranks better beyond chance (AUC), and its probabilities are not worse beyond chance (Brier)."""
        return self.difference["auc"].low > 0 and self.difference["brier"].low <= 0


def auc(y: Array, score: Array, weight: Array | None = None) -> float:
    """Area under the ROC curve: the chance that a positive outranks a negative, ties half. NaN if one is missing."""
    return _Ranked(y, score).auc(np.ones_like(score) if weight is None else weight)


def average_precision(y: Array, score: Array, weight: Array | None = None) -> float:
    """Precision averaged over the positives in falling order of score (ties taken together)."""
    return _Ranked(y, score).average_precision(np.ones_like(score) if weight is None else weight)


def brier(y: Array, score: Array, weight: Array | None = None) -> float:
    """Mean squared distance of probability and outcome."""
    return float(np.average((score - y) ** 2, weights=weight))


def calibration_error(y: Array, score: Array, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size."""
    order = np.argsort(score, kind="stable")
    parts = [p for p in np.array_split(order, bins) if len(p)]
    return float(sum(len(p) * abs(score[p].mean() - y[p].mean()) for p in parts) / len(y))


def compare(y: Array, model: Array, baseline: Array, groups: NDArray[np.str_], times: int, seed: int) -> Comparison:
    """Both models' figures and their differences with intervals from the same draws of `groups` (customers)."""
    names, member = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(seed)
    ranked = {"model": _Ranked(y, model), "baseline": _Ranked(y, baseline)}
    squares = {"model": (model - y) ** 2, "baseline": (baseline - y) ** 2}

    def figures(weight: Array) -> dict[str, dict[str, float]]:
        return {
            who: {
                "auc": ranked[who].auc(weight),
                "ap": ranked[who].average_precision(weight),
                "brier": float(np.average(squares[who], weights=weight)),
            }
            for who in ranked
        }

    point = figures(np.ones_like(y))
    draws = []
    for _ in range(times):
        drawn = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names)).astype(float)
        draws.append(figures(drawn[member]))
    measures = tuple(point["model"])

    def interval(of: Callable[[dict[str, dict[str, float]]], float]) -> Interval:
        values = np.array([v for v in map(of, draws) if not np.isnan(v)])
        low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
        return Interval(of(point), float(low), float(high))

    return Comparison(
        rows=len(y),
        positives=int(y.sum()),
        customers=len(names),
        model={m: interval(lambda f, m=m: f["model"][m]) for m in measures},  # type: ignore[misc]
        baseline={m: interval(lambda f, m=m: f["baseline"][m]) for m in measures},  # type: ignore[misc]
        difference={m: interval(lambda f, m=m: f["model"][m] - f["baseline"][m]) for m in measures},  # type: ignore[misc]
    )


class _Ranked:
    """Rows sorted by score once, so that many weightings are judged quickly."""

    def __init__(self, y: Array, score: Array) -> None:
        self._order = np.argsort(score, kind="stable")
        ordered = score[self._order]
        self._group = np.concatenate([[0], np.cumsum(np.diff(ordered) > 0)]) if len(score) else np.array([], dtype=int)
        self._y = np.asarray(y, dtype=float)[self._order]

    def _sums(self, weight: Array) -> tuple[Array, Array]:
        w = weight[self._order]
        positive: Array = np.bincount(self._group, weights=w * self._y).astype(np.float64)
        return positive, np.bincount(self._group, weights=w) - positive

    def auc(self, weight: Array) -> float:
        positive, negative = self._sums(weight)
        pairs = positive.sum() * negative.sum()
        if not pairs:
            return float("nan")
        below = np.cumsum(negative) - negative
        return float((positive * (below + negative / 2)).sum() / pairs)

    def average_precision(self, weight: Array) -> float:
        positive, negative = (part[::-1] for part in self._sums(weight))
        total = positive.sum()
        if not total:
            return float("nan")
        seen = np.cumsum(positive + negative)
        precision = np.divide(np.cumsum(positive), seen, out=np.zeros_like(seen), where=seen > 0)
        return float((precision * positive).sum() / total)
