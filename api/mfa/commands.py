"""`nexus factors remove`: lets somebody back in who has lost every second factor.

Belongs here: arguments and what is printed. Does not belong here: rules of second factors (service.py, passkeys.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexus.db import Session

factors = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(factors, name="factors", help="Second factors of people who have lost theirs.")


@factors.callback()
def of_people() -> None:
    """Keeps `remove` a command with a name, though there is no other."""


@factors.command()
def remove(email: Annotated[str, typer.Argument(help="e-mail address of the user", show_default=False)]) -> None:
    """Remove every passkey, app and recovery code of somebody, and end their sessions. Be sure that it is they who ask."""
    from api.identity.commands import known
    from nexus.db.command import run

    async def done(session: Session) -> int:
        from api.identity import sessions
        from api.mfa import service

        user = await known(session, email)
        await sessions.revoke_all(session, user.id, "factors_removed")
        return await service.remove_all(session, user.id)

    typer.echo(f"removed {run(done)} factors")
