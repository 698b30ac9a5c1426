"""What orchestration counts: sources, their raw tables, and everything in Dagster's graph."""

from __future__ import annotations

from nexus.settings import Settings


def stats(settings: Settings) -> dict[str, int]:
    from orchestration import sources
    from orchestration.build import build_defs
    from orchestration.live.connections import live_sources

    repository = build_defs(settings).get_repository_def()
    graph = repository.asset_graph
    found = sources.discover()
    return {
        "sources": len(found),
        "live sources": len(live_sources()),
        "tables: raw": sum(len(source.tables) for source in found.values()),
        "assets": len(graph.get_all_asset_keys()),
        "checks": len(graph.asset_check_keys),
        "jobs: Dagster": sum(1 for name in repository.job_names if not name.startswith("__")),
        "schedules: Dagster": len(repository.schedule_defs),
        "sensors": len(repository.sensor_defs),
    }
