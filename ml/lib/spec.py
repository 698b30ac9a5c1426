"""What a model is, in one value: its features, its label, its parameters and what it needs to be trained at all.

Belongs here: `ModelSpec` and finding the models there are. Does not belong here: any one model's values.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from types import ModuleType

from nexus.errors import InputError, NotFoundError


class TooLittleHistoryError(InputError):
    """A workspace does not know enough of its own past to learn from; nothing is broken."""

    code = "too_little_history"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. `horizon` is how far ahead it looks: a label is known `horizon` after its moment, never earlier.

    `baseline` names the few features of the simple model that the real one must beat. `labels` says what the words
    for a feature are (default: its name). `minimum_*` are the floors under which no model is made.
    """

    name: str
    title: str
    service: str
    label_relation: str
    label: str
    horizon: timedelta
    baseline: tuple[str, ...]
    params: Mapping[str, object]
    rounds: int
    seed: int = 7
    test_moments: int = 4
    calibration_moments: int = 2
    minimum_moments: int = 3
    minimum_positives: int = 30
    minimum_rows: int = 300
    bootstrap: int = 500
    #: a single feature that ranks better than this speaks of the future
    leakage_auc: float = 0.97
    labels: Mapping[str, str] = field(default_factory=dict)

    def registered(self, workspace: str) -> str:
        """Name in the registry. Each workspace has models of its own: nobody learns from another's customers."""
        return f"{self.name}.{workspace}"


@lru_cache(maxsize=1)
def models() -> tuple[str, ...]:
    """Names of all models there are."""
    import ml.models

    return tuple(sorted(m.name for m in pkgutil.iter_modules(ml.models.__path__) if m.ispkg))


def module(model: str, part: str) -> ModuleType:
    """A part (`spec`, `train`, `predict`, `evaluate`) of a model; raises NotFoundError with the models there are."""
    if model not in models():
        raise NotFoundError(f"no model is called {model!r}", remedy=f"there are: {', '.join(models())}")
    return importlib.import_module(f"ml.models.{model}.{part}")


@lru_cache(maxsize=64)
def spec(model: str) -> ModelSpec:
    found = module(model, "spec").SPEC
    assert isinstance(found, ModelSpec)
    return found
