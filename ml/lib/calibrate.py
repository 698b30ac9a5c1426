"""From a score to a probability: sigmoid or isotonic, kept as plain numbers.

Belongs here: fitting on held-out rows, applying. Does not belong here: which rows those are (split.py).
Isotonic needs many positives or it learns steps of chance; below `ISOTONIC_FROM` two parameters are fitted instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ISOTONIC_FROM = 1000


@dataclass(frozen=True, slots=True)
class Calibration:
    """Maps log-odds to a probability. `sigmoid`: 1/(1+exp(−(a·m+b))); `isotonic`: through the points (x, y)."""

    kind: str = "none"
    a: float = 1.0
    b: float = 0.0
    x: tuple[float, ...] = field(default=())
    y: tuple[float, ...] = field(default=())

    def __call__(self, margin: Array) -> Array:
        if self.kind == "isotonic":
            return np.interp(margin, self.x, self.y)
        return sigmoid(self.a * margin + self.b)


def sigmoid(margin: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-np.clip(margin, -700, 700)))


def fit(margin: Array, y: Array) -> Calibration:
    """Sigmoid with Platt's smoothed targets for few positives, isotonic for many.

    Source of the smoothed targets: J. Platt, Probabilistic Outputs for Support Vector Machines (1999).
    """
    if y.sum() >= ISOTONIC_FROM:
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(y_min=1e-4, y_max=1 - 1e-4, out_of_bounds="clip").fit(margin, y)
        return Calibration(
            "isotonic", x=tuple(map(float, fitted.X_thresholds_)), y=tuple(map(float, fitted.y_thresholds_))
        )
    positives, negatives = y.sum(), len(y) - y.sum()
    target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    a, b = _newton(margin, target)
    return Calibration("sigmoid", a=a, b=b)


def _newton(margin: Array, target: Array) -> tuple[float, float]:
    """Logistic regression on one variable; a tiny ridge keeps separable data finite."""
    design = np.column_stack([margin, np.ones_like(margin)])
    beta = np.array([1.0, 0.0])
    ridge = np.diag([1e-6, 1e-6])
    for _ in range(100):
        p = sigmoid(design @ beta)
        gradient = design.T @ (p - target) + ridge @ beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        beta = beta - step
        if float(np.abs(step).max()) < 1e-12:
            break
    # a score that ranks the wrong way round on these rows must not be turned over
    return max(float(beta[0]), 1e-3), float(beta[1])
