"""What machine learning counts: models."""

from __future__ import annotations

from nexus.settings import Settings


def stats(settings: Settings) -> dict[str, int]:
    from ml.lib.spec import models

    return {"models": len(models())}
