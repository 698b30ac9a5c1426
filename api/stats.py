"""What the API counts: endpoints, a method and a path each; types of event; jobs of the operational kernel, and which of
them begin by the clock. Does not belong here: kinds of event in marts (warehouse), jobs of Dagster (orchestration).
"""

from __future__ import annotations

from nexus import slices
from nexus.settings import Settings


def stats(settings: Settings) -> dict[str, int]:
    from fastapi.routing import APIRoute

    from api.app import create_app
    from nexus.events import known
    from nexus.jobs.declare import jobs

    found: list[object] = create_app(settings).state.routes
    routes = [route for route in found if isinstance(route, APIRoute) and route.include_in_schema]
    declared = [job for job in jobs().values() if _is_ours(job.handle)]
    return {
        "endpoints": sum(len(route.methods or ()) for route in routes),
        "event types": sum(1 for event in known().values() if _is_ours(event)),
        "jobs: API": len(declared),
        "schedules: API": sum(1 for job in declared if job.cron),
    }


def _is_ours(declared: object) -> bool:
    """Whether Nexus's own code declares it: whoever imports Nexus may declare more in the same process."""
    return declared.__module__.partition(".")[0] in ("nexus", slices.LAYER)
