"""Judging: what the models would have said at earlier moments, how good that was, and the card that tells it.

Belongs here: the back-test, the guard against features that speak of the future, filling in a model's card.md.
Does not belong here: the measures themselves (evaluate.py), what the card says (the model's own card.md).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from ml.lib import split
from ml.lib.dataset import Dataset
from ml.lib.evaluate import Comparison, Interval, auc, calibration_error, compare
from ml.lib.spec import ModelSpec
from nexus.errors import GateError

Array = NDArray[np.float64]
MODELS = Path(__file__).resolve().parents[1] / "models"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The back-test over rolling origins. `folds` has one line for each tested moment; `lift` is how many times more
    positives stand in the tenth with the highest scores than in a tenth chosen by lot."""

    comparison: Comparison
    folds: tuple[dict[str, object], ...]
    base_rate: float
    base_rate_brier: float
    calibration_error: float
    lift: float
    best_single: tuple[str, float]
    importance: dict[str, float]

    def figures(self) -> dict[str, float]:
        """Flat numbers for the tracker."""
        out = {"base_rate": self.base_rate, "base_rate_brier": self.base_rate_brier, "lift_top_decile": self.lift}
        out |= {"calibration_error": self.calibration_error, "best_single_feature_auc": self.best_single[1]}
        for who in ("model", "baseline", "difference"):
            for measure, interval in getattr(self.comparison, who).items():
                for part, value in asdict(interval).items():
                    out[f"{who}_{measure}" + ("" if part == "value" else f"_{part}")] = value
        return out

    def json(self) -> str:
        return json.dumps({**asdict(self), "beats_baseline": self.comparison.beats}, indent=1) + "\n"


def evaluate(data: Dataset, spec: ModelSpec) -> Evaluation:
    """Trains at each origin on what was known then and compares on what came. Raises GateError on a leaking feature."""
    from ml.lib.training import fit_baseline, fit_boosted

    best = best_single_feature(data)
    if best[1] > spec.leakage_auc:
        raise GateError(
            f"feature {best[0]!r} alone ranks them with an AUC of {best[1]:.3f}: it speaks of the future",
            remedy="look at its dbt model: only facts before event_timestamp may enter",
        )
    folds = split.rolling(data.moments, spec.horizon, spec.test_moments, spec.calibration_moments, spec.minimum_moments)
    parts, lines = [], []
    for fold in folds:
        test = data.at(fold.test)
        y, rows = data.y[test], data.rows[test]
        boosted, baseline = fit_boosted(data, fold, spec), fit_baseline(data, fold, spec)
        prior = np.full(len(y), data.y[data.at(fold.train)].mean())
        scores = boosted.scores(rows), baseline.scores(rows)
        parts.append((y, *scores, prior, data.customers[test]))
        lines.append(
            {
                "moment": str(fold.test[0])[:10],
                "trained_on": int(data.at(fold.train).sum()),
                "calibrated_on": int(data.at(fold.calibrate).sum()),
                "rows": len(y),
                "positives": int(y.sum()),
                "model_auc": auc(y, scores[0]),
                "baseline_auc": auc(y, scores[1]),
            }
        )
    y, model, base, prior, customers = (np.concatenate(column) for column in zip(*parts, strict=True))
    comparison = compare(y, model, base, customers, spec.bootstrap, spec.seed)
    strength = np.abs(boosted.contributions(data.rows[data.at(folds[-1].test)])).mean(axis=0)
    return Evaluation(
        comparison=comparison,
        folds=tuple(lines),
        base_rate=float(y.mean()),
        base_rate_brier=float(((prior - y) ** 2).mean()),
        calibration_error=calibration_error(y, model),
        lift=lift(y, model),
        best_single=best,
        importance={data.features[i]: float(strength[i]) for i in np.argsort(-strength)[:10].tolist()},
    )


def best_single_feature(data: Dataset) -> tuple[str, float]:
    """The feature that ranks best by itself (in either direction; unknown values as typical), and its AUC."""
    best = ("none", 0.5)
    for name, column in zip(data.features, data.rows.T, strict=True):
        known = column[~np.isnan(column)]
        value = auc(data.y, np.where(np.isnan(column), np.median(known) if len(known) else 0.0, column))
        value = max(value, 1 - value)
        if value > best[1]:
            best = (name, value)
    return best


def lift(y: Array, score: Array) -> float:
    """Share of positives in the tenth with the highest scores, over their share in all."""
    count = max(1, len(y) // 10)
    return float(y[np.argsort(-score, kind="stable")[:count]].mean() / y.mean()) if y.any() else float("nan")


def card(spec: ModelSpec, data: Dataset, evaluation: Evaluation, workspace: str, commit: str) -> str:
    """card.md with the figures of this training."""
    comparison = evaluation.comparison
    measures = {"auc": "AUC", "ap": "average precision", "brier": "Brier score (lower is better)"}
    lines = [
        f"| {title} | {_ci(comparison.model[m])} | {_ci(comparison.baseline[m])} | {_ci(comparison.difference[m])} |"
        for m, title in measures.items()
    ]
    folds = [
        f"| {f['moment']} | {f['trained_on']:,} | {f['rows']:,} | {f['positives']:,} | "
        f"{f['model_auc']:.3f} | {f['baseline_auc']:.3f} |"
        for f in evaluation.folds
    ]
    verdict = (
        "The trees beat the baseline beyond chance and answer as `champion`."
        if comparison.beats
        else "The trees do not beat the baseline beyond chance: nobody is `champion`, and the baseline answers."
    )
    return Template((MODELS / spec.name / "card.md").read_text()).substitute(
        title=spec.title, workspace=workspace, version=data.source.version, sha256=data.source.sha256,
        commit=commit or "unknown", service=spec.service, horizon=spec.horizon.days, label=spec.label,
        rows=f"{len(data.y):,}", positives=f"{int(data.y.sum()):,}", customers=f"{len(np.unique(data.customers)):,}",
        first=str(data.moments.min())[:10], last=str(data.moments.max())[:10], features=len(data.features),
        baseline=", ".join(spec.baseline), measures="\n".join(lines), folds="\n".join(folds),
        tested=f"{comparison.rows:,}", draws=spec.bootstrap, base_rate=f"{evaluation.base_rate:.1%}",
        base_rate_brier=f"{evaluation.base_rate_brier:.4f}", ece=f"{evaluation.calibration_error:.4f}",
        lift=f"{evaluation.lift:.1f}", single=evaluation.best_single[0],
        single_auc=f"{evaluation.best_single[1]:.3f}", verdict=verdict,
        importance="\n".join(f"1. {spec.labels.get(n, n)} (`{n}`): {v:.3f}" for n, v in evaluation.importance.items()),
    )  # fmt: skip


def _ci(interval: Interval) -> str:
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"
