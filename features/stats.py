"""What the feature store counts: views and services."""

from __future__ import annotations

from nexus.settings import Settings


def stats(settings: Settings) -> dict[str, int]:
    from features import catalog

    return {"feature views": len(catalog.VIEWS), "feature services": len(catalog.SERVICES)}
