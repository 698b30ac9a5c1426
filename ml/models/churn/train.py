"""Learning who will leave: the house's way (ml/lib/training.py) with this model's values.

Belongs here: what this model learns in a way of its own. Does not belong here: what every model does.
"""

from __future__ import annotations

from ml.lib import training
from ml.lib.spec import ModelSpec
from ml.lib.tracking import NoTracker, Tracker
from ml.lib.training import Trained
from ml.models.churn.spec import SPEC
from nexus.settings import Settings

__all__ = ["Trained", "train"]


def train(
    settings: Settings, workspace: str, version: str | int | None = None, spec: ModelSpec = SPEC,
    tracker: Tracker | NoTracker | None = None, force: bool = False,
) -> Trained:  # fmt: skip
    """Trains, judges, registers and appoints on a published warehouse version (default: the newest)."""
    return training.train(settings, workspace, spec, version, tracker, force)
