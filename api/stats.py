"""What the API counts: endpoints, a method and a path each."""

from __future__ import annotations

from nexus.settings import Settings


def stats(settings: Settings) -> dict[str, int]:
    from fastapi.routing import APIRoute

    from api.app import create_app

    routes = [r for r in create_app(settings).state.routes if isinstance(r, APIRoute) and r.include_in_schema]
    return {"endpoints": sum(len(route.methods) for route in routes)}
