"""The measures against scikit-learn's, and what the intervals promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from ml.lib import evaluate


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    y = (random.random(800) < 0.2).astype(float)
    score = np.round(np.clip(y * 0.2 + random.random(800) * 0.8, 0, 1), 2)  # rounded: many ties
    return y, score, random.integers(0, 4, 800).astype(float)


def test_measures_equal_scikit_learns(scored: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, weight = scored
    assert evaluate.auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert evaluate.auc(y, score, weight) == pytest.approx(roc_auc_score(y, score, sample_weight=weight), abs=1e-12)
    assert evaluate.average_precision(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-12)
    weighted = average_precision_score(y, score, sample_weight=weight)
    assert evaluate.average_precision(y, score, weight) == pytest.approx(weighted, abs=1e-12)
    assert evaluate.brier(y, score) == pytest.approx(brier_score_loss(y, score), abs=1e-12)


def test_without_positives_there_is_no_ranking() -> None:
    assert np.isnan(evaluate.auc(np.zeros(3), np.array([0.1, 0.2, 0.3])))


def test_equal_models_do_not_beat_each_other(scored: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, _ = scored
    same = evaluate.compare(y, score, score, np.arange(len(y)).astype(str), times=50, seed=1)
    assert same.difference["auc"] == evaluate.Interval(0.0, 0.0, 0.0)
    assert not same.beats


def test_a_much_better_model_beats(scored: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, _ = scored
    better = np.clip(0.15 + 0.5 * y, 0, 1)
    made = evaluate.compare(y, better, score, np.arange(len(y)).astype(str), times=50, seed=1)
    assert made.beats
    assert made.difference["auc"].low <= made.difference["auc"].value <= made.difference["auc"].high


def test_better_ranking_with_worse_probabilities_does_not_beat(
    scored: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    y, _, _ = scored
    shouting = np.clip(0.9 + 0.05 * y, 0, 1)
    made = evaluate.compare(y, shouting, np.full_like(y, y.mean()), np.arange(len(y)).astype(str), times=50, seed=1)
    assert made.difference["auc"].low > 0
    assert not made.beats


def test_rows_of_one_customer_are_no_independent_witnesses(scored: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, _ = scored
    often = [np.tile(a, 4) for a in (y, score, np.full_like(y, 0.5))]
    customers = np.tile(np.arange(len(y)), 4).astype(str)
    honest = evaluate.compare(*often, customers, times=200, seed=1).model["auc"]
    naive = evaluate.compare(*often, np.arange(len(customers)).astype(str), times=200, seed=1).model["auc"]
    assert honest.high - honest.low > 1.5 * (naive.high - naive.low)


def test_calibration_error() -> None:
    y = np.array([0.0, 0.0, 1.0, 1.0] * 25)
    assert evaluate.calibration_error(y, np.full(100, 0.5), bins=1) == 0
    assert evaluate.calibration_error(y, np.full(100, 0.9), bins=1) == pytest.approx(0.4)
