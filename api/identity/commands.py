"""`nexus users list | add | reset-link | sign-out | deactivate | reactivate`: people, for whoever runs this machine.

Belongs here: arguments and what is printed. Does not belong here: rules about people (directory.py, resets.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.identity.models import User
    from nexus.db import Session

Email = Annotated[str, typer.Argument(help="e-mail address of the user", show_default=False)]
users = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(users, name="users", help="People who may sign in: list, add, let back in, keep out.")


@users.command("list")
def list_() -> None:
    """Everybody, by address."""
    from rich.table import Table

    from api.identity.repository import users as rows
    from nexus.db.command import run
    from nexus.progress import console

    shown = Table("address", "name", "id", "password", "")
    for user in run(rows.everyone):
        password = "must be changed" if user.must_change_password else "set" if user.password_hash else "none"
        shown.add_row(user.email, user.name, user.id, password, "deactivated" if user.deactivated_at else "")
    console().print(shown)


@users.command()
def add(email: Email, name: Annotated[str, typer.Option(help="as they are called", show_default=False)]) -> None:
    """Add somebody, and print the link with which they set their password (once, within half an hour)."""
    from api.identity import directory
    from nexus.db.command import run
    from nexus.settings import get_settings

    async def added(session: Session) -> str:
        from api.identity import resets
        from api.identity.repository import users as rows

        person = await directory.create(session, email=email, name=name)
        return await resets.make(session, get_settings(), await rows.get(session, person.id))

    _print_link(run(added))


@users.command("reset-link")
def reset_link(email: Email) -> None:
    """Print a link that sets a new password for somebody, once, within half an hour: hand it to them and nobody else."""
    from nexus.db.command import run
    from nexus.settings import get_settings

    async def made(session: Session) -> str:
        from api.identity import resets
        from nexus.errors import ConflictError

        user = await known(session, email)
        if user.deactivated_at:
            raise ConflictError(f"{user.email} is deactivated", remedy=f"nexus users reactivate {user.email}")
        return await resets.make(session, get_settings(), user)

    _print_link(run(made))


@users.command("sign-out")
def sign_out(email: Email) -> None:
    """End every browser session of somebody."""
    from nexus.db.command import run

    async def ended(session: Session) -> int:
        from api.identity import sessions
        from api.identity.repository import sessions as rows

        user = await known(session, email)
        await rows.distrust(session, user.id)
        return len(await sessions.revoke_all(session, user.id, "revoked"))

    typer.echo(f"ended {run(ended)} sessions")


@users.command()
def deactivate(email: Email) -> None:
    """Keep somebody from signing in, and end every session of theirs."""
    from nexus.db.command import run

    async def done(session: Session) -> None:
        from api.identity import directory

        await directory.deactivate(session, (await known(session, email)).id)

    run(done)
    typer.echo("deactivated")


@users.command()
def reactivate(email: Email) -> None:
    """Let somebody sign in again."""
    from nexus.db.command import run

    async def done(session: Session) -> None:
        from api.identity import directory

        await directory.reactivate(session, (await known(session, email)).id)

    run(done)
    typer.echo("reactivated")


async def known(session: Session, email: str) -> User:
    """Raises NotFoundError."""
    from api.identity.directory import email_key
    from api.identity.repository import users as rows
    from nexus.errors import NotFoundError

    found = await rows.by_key(session, email_key(email))
    if found is None:
        raise NotFoundError(f"nobody has the address {email}", remedy="nexus users list")
    return found


def _print_link(reset_id: str) -> None:
    from api.identity import resets
    from nexus.settings import get_settings

    typer.echo(resets.link(get_settings(), reset_id))
