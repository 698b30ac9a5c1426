"""`nexus compact`: many small files of the lake become one.

Belongs here: arguments and the closing table. Does not belong here: merging (compact.py).
"""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("compact")(compact)


def compact(
    workspace: Annotated[str | None, typer.Option("--workspace", "-w", help="only this workspace")] = None,
    source: Annotated[str | None, typer.Option("--source", "-s", help="only this source")] = None,
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Merge small files of the lake into large ones; the rows stay as they are (runs every night by itself)."""
    from dataclasses import asdict

    from nexus.progress import console, progress, table
    from nexus.settings import get_settings
    from warehouse import compact as files

    with progress() as bar:
        task = bar.add_task("compacting", total=None, note="")

        def show(name: str, number: int, of: int) -> None:
            bar.update(task, completed=number, total=of, note=name)

        done = files.compact(get_settings(), workspace=workspace, source=source, on_table=show)
    if json:
        import orjson

        typer.echo(orjson.dumps([asdict(d) for d in done]).decode())
        return
    out = console(stderr=False)
    if not done:
        out.print(f"nothing to do: no table of a workspace has {files.FEWEST} small files")
        return
    rows = [
        (
            d.workspace,
            f"{d.source}.{d.table or d.part}",
            d.files_before,
            d.files_after,
            d.rows,
            round(d.bytes_after / 1e6, 1),
        )
        for d in done
    ]
    out.print(table("", ("workspace", "table", "files before", "after", "rows", "megabytes"), rows))
