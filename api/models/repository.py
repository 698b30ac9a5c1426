"""Where models and features come from: the registry through `ml.lib.serving`, the online store. No rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from features.store import Online
from ml.lib import spec
from ml.lib.serving import Loaded, Serving
from ml.lib.spec import ModelSpec
from nexus.settings import Settings


class ModelRepository:
    def __init__(self, settings: Settings) -> None:
        self.online = Online(settings)
        self._serving = Serving(settings)

    def names(self) -> tuple[str, ...]:
        return spec.models()

    def spec(self, model: str) -> ModelSpec:
        return spec.spec(model)

    def at_hand(self, model: str, workspace: str) -> Loaded | None:
        """The loaded model, at once, or None if it has to be loaded first."""
        return self._serving.at_hand(self.spec(model).registered(workspace))

    def loaded(self, model: str, workspace: str) -> Loaded:
        """The loaded model; may read the registry and files."""
        return self._serving.get(self.spec(model).registered(workspace))

    def rows(self, workspace: str, customers: Sequence[str], features: Sequence[str]) -> list[tuple[Any, ...]]:
        """(customer_id, epoch seconds, *values) of the customers that are known."""
        return self.online.raw(workspace, customers, features)

    def as_of(self, workspace: str) -> datetime | None:
        return self.online.as_of(workspace)
