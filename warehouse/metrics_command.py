"""`nexus metrics list|query`: the governed metrics on the command line.

Belongs here: arguments and printing. Does not belong here: definitions and queries (warehouse/metrics.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Governed metrics: what they mean, what they are.", no_args_is_help=True)
    app.add_typer(group, name="metrics")

    @group.command("list")
    def list_(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
        """Every metric with its unit, owner, good direction and target."""
        import json
        from dataclasses import asdict

        from nexus.progress import console, table
        from warehouse.metrics import definitions

        known = definitions()
        if as_json:
            typer.echo(json.dumps([asdict(d) for d in known], indent=2))
            return
        rows = [(d.name, d.unit, d.owner, d.good_direction, d.target, d.description) for d in known]
        console(stderr=False).print(table("", ("metric", "unit", "owner", "good", "target", "what it is"), rows))

    @group.command()
    def query(
        names: Annotated[list[str], typer.Argument(help="one or more metrics", metavar="METRIC...")],
        grain: Annotated[str, typer.Option(help="day, week, month, quarter, year, or total")] = "month",
        by: Annotated[list[str] | None, typer.Option(help="split by this dimension; may be repeated")] = None,
        where: Annotated[list[str] | None, typer.Option(help="DIMENSION=VALUE; may be repeated")] = None,
        workspace: Annotated[str | None, typer.Option(help="only this workspace")] = None,
        since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day")] = None,
        until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day")] = None,
        as_of: Annotated[str | None, typer.Option(help="an older published version or a time")] = None,
        as_csv: Annotated[bool, typer.Option("--csv", help="for spreadsheets")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
        sql: Annotated[bool, typer.Option("--sql", help="show the SQL instead of running it")] = False,
    ) -> None:
        """Metrics over the published warehouse. Amounts come in minor units and are always split by currency."""
        from nexus.errors import InputError
        from nexus.progress import console, table
        from nexus.settings import get_settings
        from warehouse.metrics import compile_metric, query_metric

        filters: dict[str, list[str]] = {"workspace": [workspace or get_settings().workspace]}
        for condition in where or []:
            name, equals, value = condition.partition("=")
            if not equals:
                raise InputError(f"--where {condition!r} is not a condition", remedy="write DIMENSION=VALUE")
            filters.setdefault(name, []).append(value)
        asked = {
            "grain": None if grain == "total" else grain,
            "by": by or [],
            "where": filters,
            "period": (since.date() if since else None, until.date() if until else None),
            "as_of": as_of,
        }
        if sql:
            typer.echo(compile_metric(names, **asked))  # type: ignore[arg-type]
            return
        frame = query_metric(names, **asked)  # type: ignore[arg-type]
        if as_csv:
            typer.echo(frame.write_csv(), nl=False)
        elif as_json:
            typer.echo(frame.write_json())
        else:
            console(stderr=False).print(table("", frame.columns, frame.rows()))
