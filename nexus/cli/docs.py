"""`nexus docs`: dbt's documentation of every relation, as one page that needs no server and no network."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def docs() -> None:
        """Write dbt's documentation of every relation as one static page."""
        import importlib

        from nexus.progress import console
        from nexus.settings import get_settings

        # the kernel imports no layer: commands of the kernel that need one look it up
        path = importlib.import_module("warehouse.docs").write(get_settings())
        console().print(f"written: [bold]{path}[/]")
