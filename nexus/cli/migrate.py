"""`nexus migrate`: the operational database brought to what this code expects."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def migrate(
        check: Annotated[
            bool, typer.Option("--check", help="apply nothing; exit code 1 if anything is pending")
        ] = False,
    ) -> None:
        """Apply the migrations of the operational database (`nexus up` does it by itself)."""
        from nexus.db.migrate import migrate as apply
        from nexus.db.migrate import pending
        from nexus.settings import get_settings

        settings = get_settings()
        found = pending(settings) if check else apply(settings)
        for revision in found:
            typer.echo(f"{'pending' if check else 'applied'} {revision}")
        if not found:
            typer.echo("nothing is pending")
        if check and found:
            raise typer.Exit(1)
