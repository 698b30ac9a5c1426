"""Learning: the baseline, the boosted trees, and the way from a published version to a registered model.

Belongs here: fitting on arrays, the order of the steps, for every model alike. Does not belong here: a model's values
(its spec.py), joins (features.store), measures (evaluate.py), what a run or a version is (tracking, registry).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features import store
from ml.lib import calibrate, dataset, registry, split
from ml.lib.backtest import Evaluation, card, evaluate
from ml.lib.dataset import Dataset
from ml.lib.scorer import Boosted, Linear, Scorer, squeeze
from ml.lib.spec import ModelSpec, TooLittleHistoryError
from ml.lib.tracking import NoTracker, Tracker, commit
from nexus.settings import Settings

Array = NDArray[np.float64]
S = TypeVar("S", bound=Scorer)


@dataclass(frozen=True, slots=True)
class Trained:
    """What training did. `role` is who answers from now on: `champion` (the trees) or `baseline`.

    `versions` are the registered versions by kind; `fresh` is False when the newest version had been trained on the
    very same data with the same spec, so that nothing was done.
    """

    model: str
    workspace: str
    role: str
    versions: dict[str, str]
    dataset_sha256: str
    warehouse_version: str
    evaluation: Evaluation | None
    card: str
    fresh: bool = True


def train(
    settings: Settings, workspace: str, spec: ModelSpec, version: str | int | None = None,
    tracker: Tracker | NoTracker | None = None, force: bool = False,
) -> Trained:  # fmt: skip
    """Trains, judges, registers and appoints on a published warehouse version (default: the newest).

    Raises TooLittleHistoryError when the workspace knows too little, GateError when a feature speaks of the future.
    """
    source = store.training_set(settings, spec.service, spec.label_relation, workspace, version)
    name = spec.registered(workspace)
    if not force and (there := already(settings, name, source.sha256, spec)):
        return there
    data = dataset.read(source, spec)
    enough(data, spec, workspace)
    evaluation = evaluate(data, spec)
    fold = split.final(data.moments, spec.horizon, spec.calibration_moments)
    boosted, baseline = fit_boosted(data, fold, spec), fit_baseline(data, fold, spec)
    text = card(spec, data, evaluation, workspace, commit())
    tracker = tracker or Tracker(settings)
    tags = {
        "dataset_sha256": source.sha256, "warehouse_version": source.version, "feature_service": spec.service,
        "git_commit": commit(), "spec": fingerprint(spec),
    }  # fmt: skip
    versions: dict[str, str] = {}
    with tracker.run(name, f"{name} on {source.version}") as run, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run.tags({**tags, "workspace": workspace})
        run.params({**spec.params, "rounds": spec.rounds, "seed": spec.seed, "rows": len(data.y)})
        run.params({"baseline_features": ", ".join(_used(data, spec)), "calibration": boosted.calibration.kind})
        run.dataset(source)
        for file, content in (("card.md", text), ("evaluation.json", evaluation.json())):
            (folder / file).write_text(content)
            run.file(folder / file)
        for kind, scorer in (("baseline", baseline), ("boosted", boosted)):
            logged = run.model(kind, scorer, folder / kind)
            if logged:
                versions[kind] = registry.register(settings, name, logged, {**tags, "kind": kind}, text)
        # last: MLflow copies the figures that a run has by then onto each model it logs, and stumbles over the second
        run.metrics(evaluation.figures())
    beats = evaluation.comparison.beats
    role = registry.CHAMPION if beats else registry.BASELINE
    if versions:
        role = registry.appoint(settings, name, versions["baseline"], versions["boosted"], beats)
    return Trained(name, workspace, role, versions, source.sha256, source.version, evaluation, text)


def already(settings: Settings, name: str, sha256: str, spec: ModelSpec) -> Trained | None:
    """The answering version, if it was trained on this very data with this very spec."""
    from nexus.errors import NotFoundError

    try:
        found = registry.answering(settings, name)
    except NotFoundError:
        return None
    if found.tags.get("dataset_sha256") != sha256 or found.tags.get("spec") != fingerprint(spec):
        return None
    workspace, kind = name.partition(".")[2], found.tags.get("kind", "")
    return Trained(
        name, workspace, found.role, {kind: found.version}, sha256, found.tags["warehouse_version"], None, "", False
    )


def enough(data: Dataset, spec: ModelSpec, workspace: str) -> None:
    """Raises TooLittleHistoryError unless there is something to learn from, to calibrate on and to be judged by."""
    folds = split.rolling(data.moments, spec.horizon, spec.test_moments, spec.calibration_moments, spec.minimum_moments)
    moments = len(np.unique(data.moments))
    positives = int(data.y.sum())
    usable = bool(folds) and all(
        0 < data.y[data.at(part)].sum() < data.at(part).sum() for f in folds for part in (f.train, f.calibrate)
    )
    judged = sum(float(data.y[data.at(f.test)].sum()) for f in folds)
    if not usable or not judged or positives < spec.minimum_positives or len(data.y) < spec.minimum_rows:
        raise TooLittleHistoryError(
            f"workspace {workspace!r} has too little history for a {spec.name} model: {moments} snapshots with a known "
            f"outcome, {len(data.y)} rows, {positives} of them positive",
            remedy=f"at least {spec.minimum_rows} rows with {spec.minimum_positives} positives over some eight months "
            "are needed; nothing is predicted for this workspace until then",
        )


def fit_boosted(data: Dataset, fold: split.Fold, spec: ModelSpec) -> Boosted:
    """Trees on the training moments, calibrated on the later ones. The same data gives the same trees."""
    from ml.lib import openmp

    openmp.ensure()
    import lightgbm

    rows, y = data.rows[data.at(fold.train)], data.y[data.at(fold.train)]
    params = {**spec.params, "seed": spec.seed, "deterministic": True, "force_row_wise": True, "verbose": -1}
    # some thousand rows: a second thread gains nothing, and on a busy machine they wait for each other
    params["num_threads"] = 1
    booster = lightgbm.train(
        params, lightgbm.Dataset(rows, y, feature_name=list(data.features), free_raw_data=True), spec.rounds
    )
    made = Boosted(booster.model_to_string(), data.features, typical(rows))
    return _calibrated(made, data, fold)


def fit_baseline(data: Dataset, fold: split.Fold, spec: ModelSpec) -> Linear:
    """Logistic regression on the few features that `spec.baseline` names."""
    from sklearn.linear_model import LogisticRegression

    rows, y = data.rows[data.at(fold.train)], data.y[data.at(fold.train)]
    columns = _used(data, spec)
    values = squeeze(rows[:, [data.features.index(c) for c in columns]])
    mean, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scale[scale == 0] = 1.0
    standard = np.nan_to_num((values - mean) / scale, nan=0.0)
    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(standard, y)
    made = Linear(columns, mean, scale, fitted.coef_[0], fitted.intercept_[0], data.features, typical(rows))
    return _calibrated(made, data, fold)


def typical(rows: Array) -> list[float]:
    """Medians of the known values."""
    return [float(np.median(known)) if len(known := c[~np.isnan(c)]) else float("nan") for c in rows.T]


def fingerprint(spec: ModelSpec) -> str:
    """Changes with anything that makes another model of the same data."""
    import hashlib

    what = (spec.service, spec.label, spec.horizon, spec.baseline, sorted(spec.params.items()), spec.rounds, spec.seed)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _used(data: Dataset, spec: ModelSpec) -> list[str]:
    return [c for c in spec.baseline if c in data.features]


def _calibrated(made: S, data: Dataset, fold: split.Fold) -> S:
    held_out = data.at(fold.calibrate)
    made.calibration = calibrate.fit(made.margins(data.rows[held_out]), data.y[held_out])
    return made
