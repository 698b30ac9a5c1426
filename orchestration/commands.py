"""`nexus ingest`.

Belongs here: arguments and what is shown while and after files land. Does not belong here: landing (warehouse.land).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from warehouse.land import LandingReport


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)


def ingest(
    source: Annotated[str, typer.Argument(help="name of the source, such as stripe or tabular")],
    paths: Annotated[list[Path], typer.Argument(help="files or folders", show_default=False)],
    workspace: Annotated[str | None, typer.Option("--workspace", "-w", help="workspace the records belong to")] = None,
    mapping: Annotated[str | None, typer.Option("--mapping", "-m", help="mapping for tables of your own")] = None,
    remember: Annotated[bool, typer.Option("--remember", help="every later build looks there for new files")] = False,
    json: Annotated[bool, typer.Option("--json", help="closing counts as JSON")] = False,
) -> None:
    """Land files of a source in the lake: every record once, whatever is repeated."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    from nexus.settings import get_settings
    from orchestration import exports
    from orchestration.sources import choose
    from warehouse.land import Progress as Step
    from warehouse.land import land

    settings = get_settings()
    chosen, mapping_name = choose(source, paths, mapping)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=json or not console.is_terminal) as bar:
        task = bar.add_task(f"landing {chosen.name}", total=None)

        def show(step: Step) -> None:
            text = f"{step.files_done}/{step.files_total} {step.file}" if step.file else "committed"
            bar.update(task, description=text, completed=step.bytes_done, total=step.bytes_total)

        target = workspace or settings.workspace
        report = land(chosen, paths, target, settings, mapping=mapping_name, progress=show)
    if remember:
        for path in paths:
            exports.remember(settings, exports.Export(target, source, str(path), mapping))
    if json:
        import orjson

        typer.echo(orjson.dumps(as_dict(report)).decode())
    else:
        show_report(report)


def as_dict(report: LandingReport) -> dict[str, object]:
    return {
        "source": report.source,
        "workspace": report.workspace,
        "batches": report.batches,
        **report.total.as_dict(),
        "tables": {name or "(no table)": counts.as_dict() for name, counts in report.tables.items()},
        "files": {name: counts.as_dict() for name, counts in report.files.items()},
        "new_columns": report.new_columns,
        "repeated_files": report.repeated_files,
        "ignored_files": report.ignored_files,
        "outside_contract": report.outside,
    }


def show_report(report: LandingReport) -> None:
    """The closing counts, by table."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"{report.source} → workspace {report.workspace}")
    for name in ("read", "landed", "duplicate", "quarantined"):
        table.add_column(name, justify="right")
    for name, counts in sorted(report.tables.items()):
        table.add_row(name or "(no table)", *(f"{count:,}" for count in counts.as_dict().values()))
    table.add_section()
    table.add_row("all", *(f"{count:,}" for count in report.total.as_dict().values()), style="bold")
    console.print(table)
    if report.repeated_files:
        console.print(f"{len(report.repeated_files)} files had landed before: counted as duplicates", style="dim")
    if report.ignored_files:
        console.print(
            f"{len(report.ignored_files)} files ignored, no reader for their names: {_few(report.ignored_files)}"
        )
    show_new_columns(console, report.new_columns)
    if report.outside:
        console.print(f"not part of the {report.source} contract, kept in quarantine:")
        console.print("  " + ", ".join(f"{kind} {count:,}" for kind, count in report.outside.items()))
    if report.quarantined:
        console.print(f"{report.quarantined:,} records are in quarantine: nexus quarantine list -w {report.workspace}")


def show_new_columns(console: Console, found: dict[str, list[str]]) -> None:
    """Fields seen for the first time that no contract names: a few by name, a first landing's many as a count."""
    if len(found) > 3:
        count = sum(map(len, found.values()))
        text = f"{count} fields of {len(found)} tables are new to the contract: kept in _extra, listed by --json"
        console.print(text, style="dim")
        return
    for relation, fields in sorted(found.items()):
        console.print(f"new columns in {relation}, kept in _extra: {_few(fields)}", style="dim")


def _few(names: list[str], count: int = 6) -> str:
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")
