"""`nexus ingest`.

Belongs here: arguments, what is shown while and after files land, exit codes. Does not belong here: landing
(warehouse.land).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from nexus.errors import ContractError, InputError
from nexus.lean import lean

if TYPE_CHECKING:
    from rich.console import Console

    from warehouse.land import LandingReport
    from warehouse.quarantine import Reason

#: As many kinds of fault are told after a landing.
_REASONS = 6


def register(app: typer.Typer) -> None:
    app.command("ingest")(lean(ingest))


def ingest(
    source: Annotated[str, typer.Argument(help="name of the source, such as stripe or tabular")],
    paths: Annotated[list[Path], typer.Argument(help="files or folders", show_default=False)],
    workspace: Annotated[str | None, typer.Option("--workspace", "-w", help="workspace the records belong to")] = None,
    mapping: Annotated[str | None, typer.Option("--mapping", "-m", help="mapping for tables of your own")] = None,
    remember: Annotated[bool, typer.Option("--remember", help="every later build looks there for new files")] = False,
    encoding: Annotated[str | None, typer.Option(help="how text is encoded that is no UTF-8: cp1252, …")] = None,
    json: Annotated[bool, typer.Option("--json", help="closing counts as JSON")] = False,
) -> None:
    """Land files of a source in the lake: every record once, whatever is repeated.

    Exit codes: 0 done, even if some records are in quarantine; 2 a file could not be read; 3 no such file or source;
    4 nothing of what was read could be landed, or a column changed its type; 7 the machine lacks something.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    from nexus.settings import get_settings
    from orchestration import exports
    from orchestration.sources import choose
    from warehouse.land import Progress as Step
    from warehouse.land import land
    from warehouse.quarantine import reasons

    settings = get_settings()
    chosen, mapping_name = choose(source, paths, mapping, encoding)
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
        show_report(report, reasons(settings, report.batches) if report.quarantined else [], encoding)
    if code := exit_code(report):
        raise typer.Exit(code)


def exit_code(report: LandingReport) -> int:
    """2 for a file that could not be read, or not to its end, 4 when records were read and none of them is in the lake now."""
    if report.refused_files or report.unread:
        return InputError.exit_code
    return ContractError.exit_code if report.read and report.read == report.quarantined else 0


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
        "still_quarantined": report.still_quarantined,
        "ignored_files": report.ignored_files,
        "outside_contract": report.outside,
        "empty_files": report.empty_files,
        "refused_files": {n: {"reason": e.message, "remedy": e.remedy} for n, e in report.refused_files.items()},
        "unread_bytes": report.unread,
    }


def show_report(report: LandingReport, reasons: Sequence[Reason] = (), encoding: str | None = None) -> None:
    """The closing counts by table, and what is to be done; `encoding` is the one that was asked for."""
    from rich.console import Console
    from rich.table import Table

    from warehouse.land.remedies import UNREAD, unread

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
        again = _count(len(report.repeated_files), "file")
        console.print(f"{again} had landed before: counted as duplicates", style="dim")
    if report.still_quarantined:
        mend = f"nexus quarantine replay {report.source} --workspace {report.workspace}"
        mend += f" --encoding {encoding}" if encoding else ""
        still = _count(report.still_quarantined, "record")
        console.print(escape(f"{still} of what had come before still in quarantine: {mend}"), soft_wrap=True)
    if report.ignored_files:
        ignored = _count(len(report.ignored_files), "file")
        console.print(escape(f"{ignored} ignored, no reader for their names: {_few(report.ignored_files)}"))
    if report.empty_files:
        console.print(f"{_count(len(report.empty_files), 'file')} without a record: {_few(report.empty_files)}")
    show_new_columns(console, report.new_columns)
    if report.outside:
        console.print(f"not part of the {report.source} contract, kept in quarantine:")
        console.print("  " + ", ".join(f"{kind} {count:,}" for kind, count in report.outside.items()))
    if report.quarantined:
        show_reasons(console, report, reasons)
    for error in report.refused_files.values():
        console.print(f"[bold red]not read[/] {escape(error.message)}", soft_wrap=True)
        console.print(f"  [dim]→[/] {escape(error.remedy or '')}", soft_wrap=True)
    for name, size in report.unread.items():
        console.print(f"[bold red]not read whole[/] {escape(unread(name, size))}", soft_wrap=True)
        console.print(f"  [dim]→[/] {UNREAD}", soft_wrap=True)


def show_reasons(console: Console, report: LandingReport, reasons: Sequence[Reason]) -> None:
    """Why records are in quarantine: the commonest reasons with the first file and line, and what to do."""
    where = f"nexus quarantine list -w {report.workspace} -s {report.source}"
    console.print(f"{_count(report.quarantined, 'record')} in quarantine, kept: {where}", soft_wrap=True)
    for found in reasons[:_REASONS]:
        others = f" (and {found.count - 1:,} like it)" if found.count > 1 else ""
        place = f"{found.file}:{found.line}" + (f" {found.table}" if found.table else "")
        console.print(f"  [bold]{escape(place)}[/]  {escape(_short(found.reason))}{others}", soft_wrap=True)
        console.print(f"    [dim]→[/] {escape(found.remedy(report.source, report.workspace))}", soft_wrap=True)
    if len(reasons) > _REASONS:
        console.print(f"  and {len(reasons) - _REASONS} more kinds of fault", style="dim")


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else "·" for c in text)
    return plain if len(plain) <= 300 else plain[:299] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


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
