"""`nexus serve` and `nexus token`: the API by hand, and what opens it."""

from __future__ import annotations

from typing import Annotated

import typer

from nexus.settings import get_settings


def register(app: typer.Typer) -> None:
    @app.command()
    def serve(
        port: Annotated[int | None, typer.Option(help="default: NEXUS_API_PORT")] = None,
    ) -> None:
        """Run the API alone, in the foreground (`nexus up` runs everything)."""
        from api.serving import run
        from nexus.db.migrate import migrate
        from nexus.errors import MachineError
        from nexus.ports import holder
        from nexus.slices import first_start

        settings = get_settings()
        port = port or settings.api_port
        if taken := holder(settings.host, port):
            raise MachineError(f"port {port} is taken by {taken}", remedy="nexus serve --port 3100")
        migrate(settings)
        for line in first_start(settings):
            typer.echo(line)
        run(settings, port)

    @app.command()
    def token(
        workspace: Annotated[
            list[str] | None,
            typer.Option("--workspace", "-w", help="may be given several times; default: the usual one"),
        ] = None,
    ) -> None:
        """Print the API token that carries these workspaces; makes it if there is none.

        curl -H "Authorization: Bearer $(nexus token)" http://127.0.0.1:3000/v1/models
        """
        from api import credentials

        settings = get_settings()
        typer.echo(credentials.issue(settings, workspace or [settings.workspace]))
