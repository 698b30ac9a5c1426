"""Which parts predictions need, and whether each is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from api.health import repository
from nexus.db import Database
from nexus.db.migrate import newer, outstanding
from nexus.errors import NexusError
from nexus.trouble import machine_error


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


async def database(at: Database) -> dict[str, Any]:
    """Whether the operational database answers, and stands where this code expects it."""
    try:
        async with at.transaction(None) as session:
            known = await repository.revisions(session)
    except Exception as error:  # noqa: BLE001
        found = machine_error(error)
        detail = "the operational database does not answer" if found else "the operational database was never migrated"
        return _unready(detail, "nexus migrate; `nexus doctor` says more")
    if unknown := newer(known):
        stands = ", ".join(unknown)
        return _unready(f"the database was migrated by a newer Nexus: it stands at {stands}", "update Nexus")
    if missing := outstanding(known):
        return _unready(f"migrations that the database lacks: {', '.join(missing)}", "nexus migrate")
    return {"name": "database", "ready": True, "detail": f"at {', '.join(sorted(known))}"}


def _unready(detail: str, remedy: str) -> dict[str, Any]:
    return {"name": "database", "ready": False, "detail": detail, "remedy": remedy}
