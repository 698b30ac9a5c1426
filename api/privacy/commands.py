"""`nexus privacy export | erase`: what is held of a person, for whoever runs this machine.

Belongs here: arguments and what is printed. Does not belong here: what either consists of (service.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexus.db import Session

privacy = typer.Typer(no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="e-mail address of the person", show_default=False)]


def register(app: typer.Typer) -> None:
    app.add_typer(privacy, name="privacy", help="What is held of a person: hand it over, erase it.")


@privacy.command()
def export(email: Email) -> None:
    """Print everything that is held of somebody, as JSON."""
    from api.identity.commands import known
    from nexus.db.command import run

    async def exported(session: Session) -> str:
        from api.privacy import service

        user = await known(session, email)
        return (await service.export(session, user.id, "local", "nexus privacy export")).model_dump_json(indent=1)

    typer.echo(run(exported))


@privacy.command()
def erase(
    email: Email,
    reason: Annotated[str, typer.Option(help="why; kept with the erasure", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask whether it is meant")] = False,
) -> None:
    """Erase somebody: rows are deleted, what is kept for ever becomes unreadable. It cannot be taken back."""
    from api.identity.commands import known
    from nexus.db.command import run

    if not yes:
        typer.confirm(f"Erase {email} for ever?", abort=True)

    async def erased(session: Session) -> dict[str, int]:
        from api.privacy import service

        user = await known(session, email)
        done: dict[str, int] = (await service.erase(session, user.id, "local", reason)).rows
        return done

    rows = run(erased)
    typer.echo(f"erased: {', '.join(f'{count} of {table}' for table, count in sorted(rows.items()))}")
