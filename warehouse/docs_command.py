"""`nexus docs`: dbt's documentation of every relation, as one page that needs no server and no network."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def docs() -> None:
        """Write dbt's documentation of every relation as one static page."""
        from nexus.progress import console
        from nexus.settings import get_settings
        from warehouse.docs import write

        path = write(get_settings())
        console().print(f"written: [bold]{path}[/]")
