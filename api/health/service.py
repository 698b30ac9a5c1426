"""Which parts Nexus needs, and whether each is there. What a slice needs, it says itself (`api/<domain>/health.py`)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api.health import repository
from nexus import slices
from nexus.db import Database, roles
from nexus.db.migrate import newer, outstanding
from nexus.errors import NexusError, NotFoundError
from nexus.trouble import machine_error

#: Seconds in which the database says where it stands: a supervisor waits for no longer.
WITHIN = 2.0
_AWAY = "the operational database does not answer"
_log = logging.getLogger("nexus.api")


async def found(app: FastAPI) -> list[dict[str, Any]]:
    """One line for each part, the database's first. The others are not asked while it is away: models are registered in the
    same server, and would be waited for."""
    at = await database(app.state.database)
    return [at] if at["detail"] == _AWAY else [at, *await run_in_threadpool(parts, app)]


def parts(app: FastAPI) -> list[dict[str, Any]]:
    """One line for each part of the slices; a missing one comes with its remedy. What nobody has made yet is not required:
    whoever has neither data nor models has people to sign in."""
    found = []
    for module in slices.modules("health").values():
        for name, check in module.checks(app).items():
            try:
                found.append({"name": name, "ready": True, "detail": check()})
            except NexusError as error:
                is_required = not isinstance(error, NotFoundError)
                detail = error.message if is_required else f"not yet: {error.message}"
                found.append(_unready(name, detail, error.remedy, is_required))
    return found


async def database(at: Database) -> dict[str, Any]:
    """Whether the operational database answers, and stands where this code expects it."""
    try:
        async with asyncio.timeout(WITHIN):
            known = await repository.revisions(at)
    except TimeoutError:
        return _of_database(_AWAY, "`nexus doctor` says more")
    except Exception as error:  # noqa: BLE001
        if _is_unmade(error):
            return _of_database("the operational database was never migrated", "nexus migrate")
        if machine_error(error) is None:
            _log.warning("the operational database cannot be asked where it stands", exc_info=error)
            return _of_database("the operational database refuses to say where it stands", "the API's log says why")
        return _of_database(_AWAY, "`nexus doctor` says more")
    if unknown := newer(known):
        stands = ", ".join(unknown)
        return _of_database(f"the database was migrated by a newer Nexus: it stands at {stands}", "update Nexus")
    if missing := outstanding(known):
        return _of_database(f"migrations that the database lacks: {', '.join(missing)}", "nexus migrate")
    return {"name": "database", "ready": True, "detail": f"at {', '.join(sorted(known))}"}


def _is_unmade(error: Exception) -> bool:
    """Migrating makes the table, and the role that asks for it."""
    if isinstance(error, asyncpg.UndefinedTableError):
        return True
    return isinstance(error, asyncpg.PostgresError) and f'role "{roles.API}" does not exist' in str(error)


def _of_database(detail: str, remedy: str) -> dict[str, Any]:
    return _unready("database", detail, remedy, True)


def _unready(name: str, detail: str, remedy: str | None, is_required: bool) -> dict[str, Any]:
    return {"name": name, "ready": False, "required": is_required, "detail": detail, "remedy": remedy}
