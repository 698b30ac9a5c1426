"""Commands `nexus backup` and `nexus restore`.

Belongs here: arguments, the bar, what is said at the end. Does not belong here: the work (warehouse/backup).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from warehouse.backup import Header, Seen

Json = Annotated[bool, typer.Option("--json", help="what was kept, as JSON")]


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    target: Annotated[Path, typer.Argument(help="file to write, or a folder to put it into", show_default=False)],
    secrets: Annotated[bool, typer.Option(help="with tokens and keys of the home, or without")] = True,
    as_json: Json = False,
) -> None:
    """Write everything of this home that cannot be made again into one file. Nexus may run meanwhile."""
    from nexus.progress import console
    from nexus.settings import get_settings
    from warehouse.backup import backup as make

    with _bar("keeping", hidden=as_json) as tell:
        made = make(get_settings(), target, secrets=secrets, tell=tell)
    if as_json:
        typer.echo(json.dumps({"path": str(made.path), "written_bytes": made.bytes, **asdict(made.header)}))
        return
    out = console(stderr=False)
    out.print(f"{_told(made.header)} → {made.path} ({made.bytes / 1e6:,.1f} MB)", soft_wrap=True)
    if not made.header.secrets:
        out.print("secrets were left out: tokens and keys of this home must be set again after a restore")
    else:
        out.print("it holds secrets and records: keep it where only you can read it", style="dim")


def restore(
    source: Annotated[Path, typer.Argument(help="a file that `nexus backup` has written", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="only read it and hold it against its hashes")] = False,
    as_json: Json = False,
) -> None:
    """Fill an empty home (NEXUS_HOME) from a backup, whole or not at all."""
    from nexus.progress import console
    from nexus.settings import get_settings
    from warehouse.backup import restore as put_back
    from warehouse.backup import verify

    settings = get_settings()
    with _bar("checking" if check else "restoring", hidden=as_json) as tell:
        header = verify(source, tell) if check else put_back(settings, source, tell=tell).header
    if as_json:
        typer.echo(json.dumps({"path": str(source), "restored": not check, **asdict(header)}))
        return
    out = console(stderr=False)
    if check:
        out.print(f"{source} is whole: {_told(header)}", soft_wrap=True)
        return
    out.print(f"{_told(header)} → {settings.home}", soft_wrap=True)
    if not header.secrets:
        out.print("it holds no secrets: `nexus token` issues new ones; set those of your connections again")
    out.print("readers see its version at once; the next `nexus build` loads the warehouse from the lake", style="dim")


def _told(header: Header) -> str:
    version = f"warehouse version {header.version}" if header.version else "nothing published"
    return f"{header.files:,} files of {header.created_at}: {header.batches:,} batches, {version}"


@contextmanager
def _bar(what: str, hidden: bool) -> Iterator[Callable[[Header, Seen], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    from nexus.progress import console

    screen = console()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=hidden or not screen.is_terminal) as bar:
        task = bar.add_task("holding one moment of the home still", total=None)

        def tell(header: Header, seen: Seen) -> None:
            bar.update(task, description=f"{what} {seen.name[-60:]}", completed=seen.bytes, total=header.bytes)

        yield tell
