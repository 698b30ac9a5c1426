"""`nexus sagas list | show | cancel | retry | skip | abandon`: work of several steps, and mending what is stuck.

Belongs here: arguments and what people see. Does not belong here: sagas (nexus/sagas).
"""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nexus.db import Session

Id = Annotated[str, typer.Argument(help="a saga from `nexus sagas list` (sag_…)", show_default=False)]
Reason = Annotated[str, typer.Option(help="why; kept in the event that tells of it", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="for programs")]

sagas = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(sagas, name="sagas", help="Work of several steps: look at it, undo it, mend what is stuck.")


@sagas.command("list")
def list_sagas(
    state: Annotated[str | None, typer.Option(help="running, compensating, stuck, succeeded, …")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="how many of the newest")] = 50,
    as_json: Json = False,
) -> None:
    """List sagas, newest first."""
    from sqlalchemy import select

    from nexus.db.command import run
    from nexus.progress import console, table
    from nexus.sagas.models import SagaRow

    async def go(session: Session) -> list[SagaRow]:
        wanted = select(SagaRow).order_by(SagaRow.created_at.desc(), SagaRow.id.desc()).limit(lines)
        return list(await session.scalars(wanted.where(SagaRow.state == state) if state else wanted))

    found = run(go)
    columns = ("saga", "name", "of", "state", "begun", "by")
    rows = [(s.id, s.name, s.workspace_id or s.organisation_id, s.state, s.created_at, s.created_by) for s in found]
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, indent=1))
    else:
        console(stderr=False).print(table("", columns, rows))


@sagas.command()
def show(id: Id, as_json: Json = False) -> None:
    """Print one whole: its steps, and every attempt at each."""
    from nexus.db.command import run
    from nexus.progress import console, table
    from nexus.sagas import rows

    async def go(session: Session) -> tuple[Any, Any, Any]:
        return await rows.row(session, id), await rows.steps(session, id), await rows.attempts(session, id)

    saga, steps, attempts = run(go)
    columns = ("step", "state", "call", "attempt", "started", "finished", "error", "trace")
    said = [
        (
            step.name, step.state, "undo" if a.is_compensation else "do", a.number, a.started_at, a.finished_at or "",
            a.error or "", a.trace_id or "",
        )
        for step in steps
        for a in attempts
        if a.position == step.position
    ]  # fmt: skip
    tried = {row[0] for row in said}
    said += [(step.name, step.state, "", "", "", "", "", "") for step in steps if step.name not in tried]
    if as_json:
        calls = [dict(zip(columns, row, strict=True)) for row in said]
        typer.echo(
            json.dumps({"id": saga.id, "name": saga.name, "state": saga.state, "calls": calls}, default=str, indent=1)
        )
    else:
        console(stderr=False).print(table(f"{saga.name} {saga.state}", columns, said))


@sagas.command()
def cancel(id: Id, reason: Reason) -> None:
    """Let it undo what it has done; possible until a step is done that is final."""
    _act("cancel", id, reason)


@sagas.command()
def retry(id: Id, reason: Reason) -> None:
    """Let a stuck saga make the call again at which it is."""
    _act("retry", id, reason)


@sagas.command()
def skip(id: Id, reason: Reason) -> None:
    """Let a stuck saga go on without the step: somebody has done it by hand, or it need not be done."""
    _act("skip", id, reason)


@sagas.command()
def abandon(id: Id, reason: Reason) -> None:
    """Leave a stuck saga as it is, for ever."""
    _act("abandon", id, reason)


def _act(how: str, id: str, reason: str) -> None:
    from nexus.db.command import about, run
    from nexus.errors import InputError
    from nexus.sagas import mending, rows

    if not reason.strip():
        raise InputError("the reason is blank", remedy="say why: it is kept in the event that tells of it")

    async def go(session: Session) -> str:
        by = f"command:{getpass.getuser()}"
        about(session, (await rows.row(session, id)).organisation_id)
        return str((await getattr(mending, how)(session, id, by=by, reason=reason)).state)

    typer.echo(f"{run(go)}{': undone by the next worker that sees it' if how == 'cancel' else ''}")
