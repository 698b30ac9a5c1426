"""Cutting time: which moments a model may learn from, be calibrated on and be tested on.

Belongs here: rolling origins with an embargo of the label's horizon. Does not belong here: fitting, judging.

At moment T only labels of moments up to T − horizon are known, so a fold tested at T is calibrated on moments whose
labels were known at T, and trained on moments whose labels were known at the first of those: exactly what could have
been done at the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Moments = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Fold:
    """Moments of one fold; `test` is empty for the final model."""

    train: tuple[np.datetime64, ...]
    calibrate: tuple[np.datetime64, ...]
    test: tuple[np.datetime64, ...]


def rolling(moments: Moments, horizon: timedelta, tests: int, calibration: int, minimum: int) -> list[Fold]:
    """Up to `tests` folds, one for each of the last moments, oldest first, if enough lies before them."""
    known = np.unique(moments)
    folds = []
    for test in known[-tests:]:
        before = _before(known, test, horizon)
        fold = _cut(before, horizon, calibration, (test,))
        if len(fold.train) >= minimum:
            folds.append(fold)
    return folds


def final(moments: Moments, horizon: timedelta, calibration: int) -> Fold:
    """The split of the model that goes into service: calibrated on the newest labels, trained on those known before."""
    return _cut(np.unique(moments), horizon, calibration, ())


def _cut(known: Moments, horizon: timedelta, calibration: int, test: tuple[np.datetime64, ...]) -> Fold:
    calibrate = known[-calibration:]
    train = _before(known, calibrate[0], horizon) if len(calibrate) else calibrate
    return Fold(tuple(train), tuple(calibrate), test)


def _before(known: Moments, moment: np.datetime64, horizon: timedelta) -> Moments:
    return known[known + np.timedelta64(horizon) <= moment]
