"""`nexus declare`: the raw tables of every source, declared to dbt from their contracts."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def declare() -> None:
        """Write dbt's declaration of every source from its contract (after changing a contract)."""
        from importlib import import_module

        from nexus.settings import PROJECT

        # the kernel imports no layer: commands of the kernel that need one look it up
        sources = import_module("orchestration.sources").discover()
        written = import_module("warehouse.dbt_sources").write(list(sources.values()))
        for path in written:
            typer.echo(str(path.relative_to(PROJECT)))
        if not written:
            typer.echo("every declaration is up to date")
