"""Judging @@name: the house's back-test (ml/lib/backtest.py) with this model's values.

Belongs here: a measure of this model's own. Does not belong here: what every model is judged by.
"""

from __future__ import annotations

from ml.lib import backtest
from ml.lib.backtest import Evaluation
from ml.lib.dataset import Dataset
from ml.lib.spec import ModelSpec
from ml.models.@@name.spec import SPEC

__all__ = ["Evaluation", "evaluate"]


def evaluate(data: Dataset, spec: ModelSpec = SPEC) -> Evaluation:
    """What the model would have said at earlier moments, and how good that was."""
    return backtest.evaluate(data, spec)
