"""`nexus doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    @app.command()
    def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
        """Examine this machine and installation. Exit code 1 if something does not work."""
        import json
        from dataclasses import asdict

        from nexus.doctor import examine
        from nexus.progress import console, table
        from nexus.settings import get_settings

        findings = examine(get_settings())
        if as_json:
            typer.echo(json.dumps([asdict(f) for f in findings], indent=2))
        else:
            rows = [(_MARKS[f.level], f.subject, f.message, f.remedy) for f in findings]
            console(stderr=False).print(table("", ("", "what", "found", "what to do"), rows))
        if any(f.level == "fail" for f in findings):
            raise typer.Exit(1)
