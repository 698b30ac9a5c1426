"""Asking who will leave: the house's scoring (ml/lib/scoring.py) with this model's values.

Belongs here: what a prediction of this model says beyond score and reasons. Does not belong here: landing, HTTP.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.lib import scoring
from ml.lib.reasons import Reason
from ml.lib.scorer import Scorer
from ml.lib.scoring import Scored
from ml.lib.spec import ModelSpec
from ml.models.churn.spec import SPEC
from nexus.settings import Settings

__all__ = ["Scored", "explain", "score"]


def explain(model: Scorer, rows: NDArray[np.float64], spec: ModelSpec = SPEC, count: int = 3) -> list[list[Reason]]:
    """The strongest reasons for each row's score."""
    return scoring.explain(model, rows, spec, count)


def score(settings: Settings, workspace: str, version: str | int | None = None, spec: ModelSpec = SPEC) -> Scored:
    """Scores every customer of the workspace's last snapshot into one file, which is to be landed."""
    return scoring.score(settings, workspace, spec, version)
