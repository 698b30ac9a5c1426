"""What predictions need, for `/readyz`: features, and each model there is, of the home's own workspace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI


def checks(app: FastAPI) -> dict[str, Callable[[], str]]:
    """Part → what says how it stands, or raises NexusError: NotFoundError where nobody has made it yet."""
    settings, repository = app.state.settings, app.state.models.repository

    def features() -> str:
        return f"of warehouse version {repository.online.version}"

    def model(name: str) -> str:
        answering = repository.loaded(name, settings.workspace).version
        return f"{answering.name} version {answering.version} ({answering.role})"

    return {"features": features, **{f"model {name}": partial(model, name) for name in repository.names()}}
