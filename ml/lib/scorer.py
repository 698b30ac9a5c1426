"""A trained model as plain files and numbers: how it is written, read and asked. Nothing is pickled.

Belongs here: the bundle (`bundle.json`, and `booster.txt` for trees), scores and contributions.
Does not belong here: fitting (a model's train.py), the registry, sentences for people (reasons.py).
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.lib.booster import Booster
from ml.lib.calibrate import Calibration

Array = NDArray[np.float64]


class Scorer(ABC):
    """Probabilities from rows whose columns stand in the order of `features`; NaN means unknown.

    `typical` is each feature's median over training, for saying what is unusual.
    """

    kind: str

    def __init__(
        self, features: Sequence[str], typical: Sequence[float], calibration: Calibration | None = None
    ) -> None:
        self.features = tuple(features)
        self.typical = tuple(typical)
        self.calibration = calibration or Calibration()

    @abstractmethod
    def margins(self, rows: Array) -> Array:
        """Log-odds before calibration."""

    @abstractmethod
    def contributions(self, rows: Array) -> Array:
        """What each feature adds to the log-odds, against the average of training."""

    def scores(self, rows: Array) -> Array:
        """Calibrated probabilities."""
        return self.calibration(self.margins(rows))

    def score(self, row: Sequence[float]) -> float:
        """Calibrated probability of one row."""
        return float(self.scores(np.asarray([row], dtype=np.float64))[0])

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "kind": self.kind,
            "features": self.features,
            "typical": [None if np.isnan(t) else t for t in self.typical],
            "calibration": asdict(self.calibration),
            **self._content(folder),
        }
        (folder / "bundle.json").write_text(json.dumps(content, indent=1) + "\n")

    @abstractmethod
    def _content(self, folder: Path) -> dict[str, Any]:
        """What else `bundle.json` holds; may write files beside it."""


class Boosted(Scorer):
    """Gradient-boosted trees in LightGBM's own text format."""

    kind = "boosted"

    def __init__(
        self, text: str, features: Sequence[str], typical: Sequence[float], calibration: Calibration | None = None
    ) -> None:
        super().__init__(features, typical, calibration)
        self._text = text
        self._booster = Booster(text)

    def margins(self, rows: Array) -> Array:
        return self._booster.margins(rows)

    def contributions(self, rows: Array) -> Array:
        return self._booster.contributions(rows)[:, :-1]

    def score(self, row: Sequence[float]) -> float:
        margin = self._booster.margin_of(row)
        if self.calibration.kind == "isotonic":
            return float(np.interp(margin, self.calibration.x, self.calibration.y))
        return 1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, self.calibration.a * margin + self.calibration.b))))

    def _content(self, folder: Path) -> dict[str, Any]:
        (folder / "booster.txt").write_text(self._text)
        return {}


class Linear(Scorer):
    """Logistic regression on standardised columns; unknown values count as typical."""

    kind = "linear"

    def __init__(
        self, columns: Sequence[str], mean: Sequence[float], scale: Sequence[float], weights: Sequence[float],
        intercept: float, features: Sequence[str], typical: Sequence[float], calibration: Calibration | None = None,
    ) -> None:  # fmt: skip
        super().__init__(features, typical, calibration)
        self.columns = tuple(columns)
        self._index = [self.features.index(c) for c in columns]
        self.mean, self.scale, self.weights = np.array(mean), np.array(scale), np.array(weights)
        self.intercept = float(intercept)

    def margins(self, rows: Array) -> Array:
        return np.asarray(self._terms(rows).sum(axis=1) + self.intercept)

    def contributions(self, rows: Array) -> Array:
        out = np.zeros((len(rows), len(self.features)))
        out[:, self._index] = self._terms(rows)
        return out

    def _terms(self, rows: Array) -> Array:
        values = rows[:, self._index]
        standard = (squeeze(values) - self.mean) / self.scale
        return np.asarray(np.where(np.isnan(values), 0.0, standard) * self.weights)

    def _content(self, folder: Path) -> dict[str, Any]:
        numbers = {name: [float(v) for v in getattr(self, name)] for name in ("mean", "scale", "weights")}
        return {"columns": self.columns, "intercept": self.intercept, **numbers}


def squeeze(values: Array) -> Array:
    """Counts and amounts are skewed: their logarithm, keeping the sign, is what a linear model can use."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def load(folder: Path) -> Scorer:
    """The model written into `folder`."""
    content = json.loads((folder / "bundle.json").read_text())
    typical = [float("nan") if t is None else float(t) for t in content["typical"]]
    kept = content["calibration"]
    calibration = Calibration(kept["kind"], kept["a"], kept["b"], tuple(kept["x"]), tuple(kept["y"]))
    common = {"features": content["features"], "typical": typical, "calibration": calibration}
    if content["kind"] == Boosted.kind:
        return Boosted((folder / "booster.txt").read_text(), **common)
    own = {k: content[k] for k in ("columns", "mean", "scale", "weights", "intercept")}
    return Linear(**own, **common)
