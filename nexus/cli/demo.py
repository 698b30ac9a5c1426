"""`nexus demo`: writes the demo company into a folder, as its providers would export it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from nexus.demo.build import Report


def register(app: typer.Typer) -> None:
    @app.command("demo")
    def demo(
        customers: Annotated[int, typer.Option(help="Accounts that sign up within the window.")] = 2000,
        months: Annotated[int, typer.Option(help="Calendar months of history.")] = 18,
        seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
        until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last complete day.")] = datetime(
            2026, 10, 31
        ),
        name: Annotated[str, typer.Option(help="Folder below <home>/demo.")] = "demo",
        out: Annotated[
            Path | None, typer.Option(help="Folder to write instead.", show_default="<home>/demo/<name>")
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace a demo company that is there.")] = False,
    ) -> None:
        """Generate a fictional software company: exports of Stripe, PayPal, S3, SES, SendGrid, Okta; and the truth."""
        import time

        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        from nexus.demo.build import STEPS, generate
        from nexus.demo.options import Options
        from nexus.ids import workspace_slug
        from nexus.settings import get_settings

        options = Options(customers=customers, months=months, seed=seed, until=until.date())
        folder = out or get_settings().home / "demo" / workspace_slug(name)
        console = Console()
        began = time.monotonic()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("starting", total=STEPS)

            def step(title: str) -> None:
                progress.update(task, description=title, advance=1)

            report = generate(options, folder, replace=force, step=step)
        console.print(_table(report))
        console.print(f"{report.total:,} records in {time.monotonic() - began:.1f} s → {report.folder}")


def _table(report: Report) -> Table:
    from rich.table import Table

    table = Table("source", "files", "records", title="demo company")
    for column in table.columns[1:]:
        column.justify = "right"
    for source, (files, records) in report.by_source().items():
        table.add_row(source, f"{files:,}", f"{records:,}")
    return table
