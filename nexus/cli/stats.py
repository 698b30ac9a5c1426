"""`nexus stats`: how much there is of what."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def stats(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
        """Count endpoints, tables, assets, checks, jobs, metrics, models, pages, commands and tests, from the code."""
        import json

        from nexus.progress import console, table
        from nexus.settings import get_settings
        from nexus.stats import counted

        found = counted(get_settings())
        if as_json:
            typer.echo(json.dumps(found, indent=1))
        else:
            console(stderr=False).print(table("", ("what", "how many"), found.items()))
