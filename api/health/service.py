"""Which parts predictions need, and whether each is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from nexus.errors import NexusError


def parts(app: FastAPI) -> list[dict[str, Any]]:
    """One line for each part; a missing one comes with its remedy."""
    settings, models = app.state.settings, app.state.models

    def features() -> str:
        return f"of warehouse version {models.repository.online.version}"

    def model() -> str:
        answering = models.repository.loaded("churn", settings.workspace).version
        return f"{answering.name} version {answering.version} ({answering.role})"

    checks: dict[str, Callable[[], str]] = {"features": features, "model": model}
    found = []
    for name, check in checks.items():
        try:
            found.append({"name": name, "ready": True, "detail": check()})
        except NexusError as error:
            found.append({"name": name, "ready": False, "detail": error.message, "remedy": error.remedy})
    return found
