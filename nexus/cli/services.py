"""`nexus status`, `down` and `logs`: looking at what runs, and ending it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from nexus.settings import get_settings


def register(app: typer.Typer) -> None:
    @app.command()
    def status(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
        """Show what runs, since when, and what was restarted. Exit code 1 if anything is not healthy."""
        import json

        from nexus.cli.up import states_table
        from nexus.progress import console
        from nexus.supervise import State, read_state

        content = read_state(get_settings())
        alive = bool(content and content["alive"])
        states = [State(**s) for s in content["services"]] if content else []  # type: ignore[attr-defined]
        if not alive:
            for state in states:
                state.state, state.pid = "stopped", None
        if as_json:
            services = [{n: getattr(s, n) for n in State.__slots__} for s in states]
            typer.echo(json.dumps({"running": alive, "services": services}, indent=2))
        elif not alive:
            console(stderr=False).print("Nexus is not running; start it with [bold]nexus up[/].")
        else:
            console(stderr=False).print(states_table(states))
        if not alive or any(s.state != "healthy" for s in states):
            raise typer.Exit(1)

    @app.command()
    def down() -> None:
        """Stop everything that `nexus up` started; leaves no process behind."""
        from nexus import postgres
        from nexus.progress import console
        from nexus.supervise import stop

        settings = get_settings()
        found = stop(settings)
        if settings.database_url is None and (server := postgres.describe(settings)).pid:
            postgres.stop(server)
            found = True
        console().print("Nexus has stopped." if found else "Nexus was not running.")

    @app.command()
    def logs(
        service: Annotated[str | None, typer.Argument(help="a name from `nexus status`; without it, all")] = None,
        lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50,
        follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    ) -> None:
        """Print the last lines that services wrote."""
        from collections import deque

        from nexus import postgres
        from nexus.errors import NotFoundError

        settings = get_settings()
        files = {p.stem: p for p in sorted(settings.log_dir.glob("*.log"))}
        if (server_log := postgres.describe(settings).log).exists():
            files["postgres"] = server_log
        if service is not None and service not in files:
            known = ", ".join(files) or "none yet"
            raise NotFoundError(f"no log of a service named {service!r}", remedy=f"logs there are: {known}")
        chosen = files if service is None else {service: files[service]}
        for name, path in chosen.items():
            with path.open(errors="replace") as handle:
                for line in deque(handle, lines):
                    typer.echo(f"{name} | {line}" if service is None else line, nl=False)
        if follow:
            _follow(chosen)


def _follow(files: Mapping[str, Path]) -> None:
    handles = {name: path.open(errors="replace") for name, path in files.items()}
    try:
        for handle in handles.values():
            handle.seek(0, 2)
        while True:
            for name, handle in handles.items():
                for line in handle:
                    typer.echo(f"{name} | {line}", nl=False)
            time.sleep(0.3)
    finally:
        for handle in handles.values():
            handle.close()
