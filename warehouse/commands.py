"""Commands of the warehouse: `nexus quarantine`, `nexus sql`, `nexus versions`.

Belongs here: arguments and how answers are shown. Does not belong here: the answers (quarantine, marts, versions).
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from nexus.lean import lean

Workspace = Annotated[str | None, typer.Option("--workspace", "-w", help="only this workspace")]
Json = Annotated[bool, typer.Option("--json", help="as JSON lines")]


def register(app: typer.Typer) -> None:
    app.command("sql")(lean(sql))
    app.command("versions")(versions)
    app.add_typer(quarantine, name="quarantine", help="Records that broke their contract: list, show, replay.")


def sql(
    query: Annotated[str, typer.Argument(help="one reading statement; '-' reads it from standard input")],
    as_of: Annotated[str | None, typer.Option("--as-of", help="a version (12) or a time (2026-03-31T12:00)")] = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="as CSV with a header")] = False,
) -> None:
    """Read the published warehouse: marts, metrics, features, intermediate."""
    from warehouse import marts

    frame = marts.query(sys.stdin.read() if query == "-" else query, as_of=as_of)
    _print(frame, "json" if json else "csv" if csv else "table")


def versions(json: Json = False) -> None:
    """List the published versions and what became of refused ones."""
    import polars as pl

    from nexus.settings import get_settings
    from warehouse.versions import list_versions

    rows = [
        {
            "version": v.version,
            "status": "current" if v.is_current else v.status,
            "published_at": v.published_at,
            "engine": v.engine,
            "megabytes": round((v.bytes or 0) / 1e6, 1),
            "gates": f"{sum(1 for g in v.gates if g['passed'])}/{len(v.gates)}" if v.gates else "",
            "reason": v.reason or "",
        }
        for v in list_versions(get_settings())
    ]
    if rows or json:
        _print(pl.DataFrame(rows, infer_schema_length=None), "json" if json else "table")
    else:
        typer.echo("nothing is published yet; run: nexus build")


quarantine = typer.Typer(no_args_is_help=True)


@quarantine.command("list")
def list_(
    workspace: Workspace = None,
    source: Annotated[str | None, typer.Option("--source", "-s", help="only this source")] = None,
    limit: Annotated[int, typer.Option(help="rows shown")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="also those that a replay has landed")] = False,
    json: Json = False,
) -> None:
    """List quarantined records with file, line and reason."""
    from nexus.settings import get_settings
    from warehouse import quarantine as records

    frame = records.read(get_settings(), workspace=workspace, source=source, include_replayed=everything)
    total = len(frame)
    if json:
        _print(frame.head(limit), "json")
        return
    if not total:
        typer.echo("quarantine is empty")
        return
    shown = frame.head(limit).select(
        "quarantine_id", "workspace_id", "source", "table_name", "source_file", "source_line", "reason"
    )
    _print(shown, "table")
    typer.echo(f"{min(limit, total)} of {total} records; raw text: nexus quarantine show <quarantine_id>")


@quarantine.command("show")
def show(quarantine_id: str, json: Json = False) -> None:
    """Show one quarantined record with its raw text."""
    from nexus.settings import get_settings
    from warehouse import quarantine as records

    record = records.show(get_settings(), quarantine_id)
    if json:
        typer.echo(_json(record))
        return
    for name, value in record.items():
        if name != "raw_text" and value is not None:
            typer.echo(f"{name:<15} {value}")
    typer.echo(f"\n{record['raw_text']}")


@quarantine.command("replay")
@lean
def replay(
    source: Annotated[str, typer.Argument(help="source whose quarantine is tried again")],
    workspace: Workspace = None,
    record: Annotated[list[str] | None, typer.Option("--id", help="only this record (repeatable)")] = None,
    encoding: Annotated[str | None, typer.Option(help="how records are encoded that are no UTF-8: cp1252, …")] = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", "-m", help="only what was landed with this mapping (name or YAML file)")
    ] = None,
) -> None:
    """Put quarantined records through the contract as it is now, and through the mapping they came with; what passes lands,
    once."""
    import importlib

    from nexus.errors import NotFoundError
    from nexus.settings import get_settings
    from warehouse import quarantine as records
    from warehouse import replaying

    settings = get_settings()
    # by name, because this layer may not import the one above it
    sources = importlib.import_module("orchestration.sources")
    target = workspace or settings.workspace
    given = dict([sources.mapped(source, mapping)[::-1]]) if mapping else {}
    done, unknown = replaying.Replay(0, 0, 0, {}), None
    sources.get(source)
    for name, ids in records.by_mapping(settings, source, target, record).items():
        if given and name not in given:
            continue
        try:
            form = given.get(name) or sources.mapped(source, name)[0]
        except NotFoundError as error:
            # the records of other mappings have their turn first
            unknown = unknown or error
            continue
        chosen = ids if record else None
        done += replaying.replay(settings, form, target, mapping=name, ids=chosen, encoding=encoding)
    bad = sum(done.still_bad.values())
    typer.echo(f"tried {done.tried}: landed {done.landed}, duplicate {done.duplicate}, still bad {bad}")
    for reason, count in sorted(done.still_bad.items(), key=lambda item: -item[1])[:10]:
        typer.echo(f"  {count:>7}  {reason}")
    if unknown is not None:
        raise unknown


def _print(frame: Any, form: str) -> None:
    if form == "json":
        for row in frame.iter_rows(named=True):
            typer.echo(_json(row))
    elif form == "csv":
        typer.echo(frame.write_csv(), nl=False)
    else:
        _table(frame)


def _table(frame: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, kind in frame.schema.items():
        table.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    # a pipe has no width: cutting cells there would lose data
    console = Console(soft_wrap=True) if sys.stdout.isatty() else Console(width=10_000)
    console.print(table)


def _json(row: Any) -> str:
    import orjson

    return orjson.dumps(row, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
