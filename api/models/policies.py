"""Who may ask the models."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("models.read", "See models, their cards and their quality", least="viewer")
PREDICT = permission("models.predict", "Score customers with a model", least="analyst")

ModelsReader = Annotated[Principal, requires(READ)]
Predictor = Annotated[Principal, requires(PREDICT)]
