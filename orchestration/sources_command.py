"""`nexus sources`: what can be read, which connections there are, and acting on them.

Belongs here: arguments and what is shown. Does not belong here: pulling (orchestration/live).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexus.lean import lean

if TYPE_CHECKING:
    from nexus.connections import Connection
    from nexus.doctor import Finding
    from orchestration.live.pull import PullReport, StreamReport
    from orchestration.live.spec import Span

app = typer.Typer(no_args_is_help=False)
Workspace = Annotated[str | None, typer.Option("--workspace", "-w", help="workspace of the connection")]
Name = Annotated[str, typer.Argument(help="name of a connection, as in connections/<workspace>.yml")]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
#: What is told of a connection that has not been pulled.
_NOTHING: dict[str, Any] = {
    "stream": None, "status": None, "last_success_at": None, "lag": None, "landed_total": 0, "read": 0, "landed": 0,
    "duplicate": 0, "quarantined": 0, "error": None, "remedy": None,
}  # fmt: skip
_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def register(application: typer.Typer) -> None:
    application.add_typer(app, name="sources", help="Connections to providers: list, test, pull, reconcile.")


@app.callback(invoke_without_command=True)
def list_(context: typer.Context, workspace: Workspace = None, json: Json = False) -> None:
    """Without a command: every connection with its options, last success, lag, records landed in all and by the last
    pull, and error; never a secret."""
    if context.invoked_subcommand:
        return
    from nexus.progress import console, table
    from nexus.settings import get_settings

    settings = get_settings()
    rows = described(settings, workspace)
    if json:
        import orjson

        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    out = console(stderr=False)
    if not rows:
        from nexus.connections import folder
        from orchestration.live.connections import live_sources

        out.print(f"no connections yet: write {folder(settings)}/<workspace>.yml (docs/connecting.md shows one)")
        out.print(f"sources that can be pulled: {', '.join(live_sources()) or 'none'}")
        return
    shown = [
        (
            f"{r['workspace']}/{r['connection']}", r["source"], r["options"], r["stream"] or "", r["status"],
            r["last_success_at"] or "", r["lag"] or "", r["landed_total"], r["landed"], r["quarantined"],
            r["error"] or "",
        )
        for r in rows
    ]  # fmt: skip
    heads = (
        "connection", "source", "options", "stream", "state", "last success (UTC)", "behind", "in all", "landed",
        "quarantined", "error",
    )  # fmt: skip
    out.print(table("", heads, shown))


@app.command("test")
def ask(name: Name, workspace: Workspace = None, json: Json = False) -> None:
    """Ask the provider for everything that a pull needs, and say what is missing. Exit code 1 if something is."""
    from nexus.settings import get_settings
    from orchestration.live.checking import check

    _findings(check(get_settings(), _connection(name, workspace)), json)


@app.command("pull")
@lean
def pull(
    name: Name,
    workspace: Workspace = None,
    stream: Annotated[list[str] | None, typer.Option("--stream", "-s", help="only this stream (repeatable)")] = None,
    since: Annotated[datetime | None, typer.Option("--from", help="back-fill from this UTC time (included)")] = None,
    until: Annotated[datetime | None, typer.Option("--until", help="back-fill until this UTC time (excluded)")] = None,
    again: Annotated[bool, typer.Option("--again", help="forget the cursors and read everything once more")] = False,
    json: Json = False,
) -> None:
    """Pull what has come since the last time, or the records of a span; every record lands once."""
    from nexus.settings import get_settings
    from orchestration.live.pull import pull as run

    settings, connection = get_settings(), _connection(name, workspace)
    if again:
        _forget(connection, tuple(stream or ()))
    with _display(json) as progress:
        report = run(connection, settings, streams=tuple(stream or ()), span=_span(since, until), progress=progress)
    _show(report, json)
    report.raise_unasked()
    report.raise_failed()


@app.command("reconcile")
def reconcile(name: Name, workspace: Workspace = None, json: Json = False) -> None:
    """Compare what has landed with the provider's own counts and totals. Exit code 1 if they differ."""
    from nexus.errors import InputError
    from nexus.settings import get_settings
    from orchestration.live.connections import opened
    from orchestration.live.landed import landed

    connection = _connection(name, workspace)
    with opened(connection) as live, landed(get_settings(), connection) as query:
        if live.reconcile is None:
            raise InputError(f"{connection.source} offers no totals to compare with")
        findings = list(live.reconcile(query))
    _findings(findings, json)


def described(settings: Any, workspace: str | None) -> list[dict[str, Any]]:
    """One row for each stream that was pulled, one for each connection that was not yet, and one for each file that
    cannot be used (with `workspace` it is raised)."""
    from nexus.connections import load, load_all
    from orchestration.live.connections import shown
    from warehouse import ledger, pulls

    with ledger.connect(settings) as book:
        states = pulls.states(book, workspace)
    rows: list[dict[str, Any]] = []
    now = datetime.now(UTC).replace(tzinfo=None)
    faults: dict[str, Any] = {}
    if workspace:
        connections = load(settings, workspace)
    else:
        connections, faults = load_all(settings)
    for connection in connections:
        options = ", ".join(f"{k}={v}" for k, v in shown(connection).items())
        me = (connection.workspace, connection.name, connection.source)
        common = {**dict(zip(("workspace", "connection", "source"), me, strict=True)), "options": options}
        mine = [s for s in states if (s.workspace, s.connection, s.source) == me]
        rows += [
            {
                **common, "stream": s.stream, "status": s.status,
                "last_success_at": _time(s.last_success_at), "lag": _lag(now, s.caught_up_at),
                "landed_total": s.landed_total, **s.counts.as_dict(), "error": s.error, "remedy": s.remedy,
            }
            for s in mine
        ] or [{**common, **_NOTHING, "status": "never pulled"}]  # fmt: skip
    for each, error in faults.items():
        common = {"workspace": each, "connection": "", "source": "", "options": ""}
        rows.append({**common, **_NOTHING, "status": "unusable", "error": error.message, "remedy": error.remedy})
    return rows


def _connection(name: str, workspace: str | None) -> Connection:
    from nexus.connections import find
    from nexus.settings import get_settings

    settings = get_settings()
    return find(settings, workspace or settings.workspace, name)


def _forget(connection: Connection, streams: tuple[str, ...]) -> None:
    """Forgets cursors. Raises InputError for a stream that cannot begin anew without the others, NotFoundError for none."""
    from nexus.errors import InputError
    from nexus.settings import get_settings
    from orchestration.live.connections import chosen, opened
    from warehouse import ledger, pulls

    if streams:
        with opened(connection) as live:
            leading = [s.name for s in chosen(connection, live, streams) if s.leads]
            others = [s.name for s in live.streams if s.name not in streams]
        if leading and others:
            raise InputError(
                f"stream {leading[0]!r} cannot begin anew alone: what has changed in {', '.join(others)} meanwhile would be missed",
                remedy=f"begin all anew: nexus sources pull {connection.name} --workspace {connection.workspace} --again",
            )
    with ledger.connect(get_settings()) as book:
        for stream in streams or (None,):
            pulls.forget(book, connection.workspace, connection.name, stream)


def _span(since: datetime | None, until: datetime | None) -> Span | None:
    from nexus.errors import InputError
    from orchestration.live.spec import Span

    if since is None and until is None:
        return None
    if since is None:
        raise InputError("--until needs --from", remedy="such as --from 2026-01-01 --until 2026-02-01")
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    start = since.replace(tzinfo=UTC)
    if start >= end:
        raise InputError(f"the span from {start:%Y-%m-%d %H:%M} until {end:%Y-%m-%d %H:%M} holds no time")
    return Span(start, end)


@contextmanager
def _display(quiet: bool) -> Iterator[Any]:
    from nexus.progress import console

    if quiet:
        yield lambda _: None
        return
    with console().status("asking …") as status:

        def show(stream: StreamReport) -> None:
            status.update(f"{stream.stream}: {stream.pages:,} pages, {stream.counts.landed:,} records landed")

        yield show


def _show(report: PullReport, as_json: bool) -> None:
    rows = [
        {
            "stream": s.stream, "pages": s.pages, **s.counts.as_dict(), "error": s.error.message if s.error else None,
            "note": s.note,
        }
        for s in report.streams
    ]  # fmt: skip
    if as_json:
        import orjson

        typer.echo(orjson.dumps(rows).decode())
        return
    from nexus.progress import console, table

    heads = ("stream", "pages", "read", "landed", "duplicate", "quarantined", "error", "note")
    told = heads if any(row["note"] for row in rows) else heads[:-1]
    console(stderr=False).print(table("", told, [[row[h] for h in told] for row in rows]))


def _findings(findings: list[Finding], as_json: bool) -> None:
    from dataclasses import asdict

    import orjson

    from nexus.progress import console, table

    if as_json:
        typer.echo(orjson.dumps([asdict(f) for f in findings]).decode())
    else:
        rows = [(_MARKS[f.level], f.subject, f.message, f.remedy) for f in findings]
        console(stderr=False).print(table("", ("", "what", "found", "what to do"), rows))
    if any(f.level == "fail" for f in findings):
        raise typer.Exit(1)


def _time(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else None


def _lag(now: datetime, caught_up: datetime | None) -> str | None:
    return str(now - caught_up).partition(".")[0] if caught_up else None
