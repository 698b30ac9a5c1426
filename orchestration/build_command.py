"""`nexus build` and `nexus gates`: the whole path without a UI, and what the gates said.

Belongs here: options and exit codes. Does not belong here: running (execution.py), showing (display.py).
"""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("build")(build)
    app.command("gates")(gates)


def build(
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="build incremental models anew")] = False,
    train: Annotated[bool, typer.Option("--train/--no-train", help="learn anew where the data has changed")] = True,
    accept_shrink: Annotated[bool, typer.Option("--accept-shrink", help="a loss of rows is meant")] = False,
) -> None:
    """Land, build, gate, publish, fill the feature store, train, score: the job that Dagster shows, in this process."""
    from nexus.settings import get_settings, url_at
    from orchestration.display import live, summary
    from orchestration.execution import error_of, execute
    from warehouse.current import read_current

    settings = get_settings()
    with live() as display:
        outcome = execute(
            settings, display.on_step, train=train, full_refresh=full_refresh, accept_shrink=accept_shrink
        )
    current = read_current(settings)
    url = f"{url_at(settings.inner_host, settings.dagster_port)}/runs/{outcome.run_id}"
    summary(outcome, current.version if current else None, url)
    if error := error_of(settings, outcome):
        raise error


def gates(
    failed: Annotated[bool, typer.Option("--failed", help="only refusals, with their rows and queries")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show how the gates last judged the build."""
    import json

    from nexus.progress import console, table
    from nexus.settings import get_settings
    from warehouse.quality.record import recorded

    results = [r for r in recorded(get_settings()) if not (failed and r.passed)]
    if as_json:
        typer.echo(json.dumps([r.as_dict() for r in results], indent=2, ensure_ascii=False))
        return
    out = console(stderr=False)
    if failed:
        for result in results:
            out.print(f"[red]✗[/] [bold]{result.sentence()}[/]")
            for row in result.failing:
                out.print("    " + ", ".join(f"{k}={v}" for k, v in row.items()), markup=False)
            if result.look:
                out.print(result.look, markup=False, style="dim")
        if not results:
            out.print("no gate refuses the build")
        return
    rows = [("✓" if r.passed else "✗", r.relation, r.gate, r.observed, f"{r.seconds:.2f}") for r in results]
    out.print(table("", ("", "relation", "gate", "observed", "seconds"), rows))
