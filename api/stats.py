"""What the API counts: endpoints, a method and a path each."""

from __future__ import annotations

from nexus.settings import Settings


def stats(settings: Settings) -> dict[str, int]:
    from fastapi.routing import APIRoute

    from api.app import create_app

    found: list[object] = create_app(settings).state.routes
    routes = [route for route in found if isinstance(route, APIRoute) and route.include_in_schema]
    return {"endpoints": sum(len(route.methods or ()) for route in routes)}
