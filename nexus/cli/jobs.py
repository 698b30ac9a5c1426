"""`nexus jobs list | show | cancel | retry | schedules`: what workers do, and mending what they could not.

Belongs here: arguments and what people see. Does not belong here: jobs (nexus/jobs).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nexus.db import Session
    from nexus.jobs.rows import Row

Id = Annotated[str, typer.Argument(help="a job from `nexus jobs list` (job_…)", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="for programs")]

jobs = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(jobs, name="jobs", help="What workers do in the background: look at it, stop it, let it begin again.")


@jobs.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="in this state; may be given several times")
    ] = None,
    name: Annotated[str | None, typer.Option(help="of this name, such as sagas.run")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="how many of the newest")] = 50,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    from nexus.db.command import run
    from nexus.errors import InputError
    from nexus.jobs import rows
    from nexus.progress import console, table

    if unknown := sorted(set(state or ()) - set(rows.STATES)):
        raise InputError(f"no state {unknown[0]!r}", remedy=f"known: {', '.join(rows.STATES)}")
    found = run(lambda session: rows.newest(session, states=state or (), name=name, limit=lines))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], default=str, indent=1))
        return
    said = [
        (r.id, r.name, r.workspace_id or r.organisation_id or "", r.state, r.attempts, r.created_at, (r.error or r.note or "")[:100])
        for r in found
    ]  # fmt: skip
    columns = ("job", "name", "of", "state", "attempts", "begun", "said")
    console(stderr=False).print(table("", columns, said))


@jobs.command()
def show(id: Id) -> None:
    """Print one whole: arguments, attempts, result or error, trace."""
    from nexus.db.command import run
    from nexus.jobs import rows

    _print(run(lambda session: rows.get(session, id)))


@jobs.command()
def cancel(id: Id) -> None:
    """Stop a job: at once if it waits, at its next step if it runs and looks."""
    row = _act("cancel", id)
    typer.echo("cancelled" if row.state == "cancelled" else "asked to stop: it runs")


@jobs.command()
def retry(id: Id) -> None:
    """Let a job that failed or was cancelled begin again. Parts that it has done stay done."""
    typer.echo(f"{_act('retry', id).state}: a worker will take it")


@jobs.command()
def schedules(as_json: Json = False) -> None:
    """List what begins by the clock, and when it last did."""
    from sqlalchemy import text

    from nexus.db.command import run
    from nexus.jobs import declare
    from nexus.progress import console, table

    sql = "select distinct on (name) name, created_at, state from app.job where created_by = 'schedule' order by name, created_at desc"

    async def go(session: Session) -> dict[str, Any]:
        return {row.name: row for row in await session.execute(text(sql))}

    last = run(go)
    said = [
        (
            name,
            job.cron,
            str(last[name].created_at) if name in last else None,
            last[name].state if name in last else None,
        )
        for name, job in declare.jobs().items()
        if job.cron
    ]
    if as_json:
        keys = ("name", "cron", "last_at", "state")
        typer.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in said], indent=1))
        return
    columns = ("schedule", "second minute hour day month weekday (UTC)", "last begun", "and is")
    console(stderr=False).print(table("", columns, [tuple(value or "" for value in row) for row in said]))


def _act(what: str, id: str) -> Row:
    from nexus.db.command import about, run
    from nexus.jobs import rows

    async def go(session: Session) -> Row:
        row: Row = await getattr(rows, what)(session, id)
        if row.organisation_id:
            about(session, row.organisation_id)
        return row

    return run(go)


def _print(row: Row) -> None:
    typer.echo(json.dumps(asdict(row), default=str, ensure_ascii=False, indent=1))
