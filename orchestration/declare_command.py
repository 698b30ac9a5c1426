"""`nexus declare`: the raw tables of every source, declared to dbt from their contracts."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def declare() -> None:
        """Write the dbt declaration of every source from its contract (after changing a contract)."""
        from nexus.settings import PROJECT
        from orchestration.sources import discover
        from warehouse.dbt_sources import write

        written = write(list(discover().values()))
        for path in written:
            typer.echo(str(path.relative_to(PROJECT)))
        if not written:
            typer.echo("every declaration is up to date")
