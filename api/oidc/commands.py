"""`nexus clients add | list | remove` and `nexus clients rotate-keys`: applications, for whoever runs this machine.

Belongs here: arguments and what is printed. Does not belong here: rules about applications (service.py, schemas.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nexus.tenancy import LOCAL_ORGANISATION

if TYPE_CHECKING:
    from api.oidc.models import Client
    from nexus.db import Session

Organisation = Annotated[str, typer.Option(help="whose application it is; default: the organisation of this machine")]
clients = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(clients, name="clients", help="Applications that sign people in through Nexus, and its signing keys.")


@clients.command()
def add(
    name: Annotated[str, typer.Argument(help="as its users are asked about it", show_default=False)],
    redirect_uri: Annotated[
        list[str], typer.Option(help="where a browser may be sent back to; may be given several times")
    ],
    scope: Annotated[str, typer.Option(help="the most that it is ever given")] = "openid profile email",
    secret: Annotated[bool, typer.Option("--secret", help="it can keep a secret: it runs on a server")] = False,
    trusted: Annotated[bool, typer.Option("--trusted", help="its users are not asked")] = False,
    organisation: Organisation = LOCAL_ORGANISATION,
) -> None:
    """Register an application; prints its client_id, and its secret if it keeps one (once)."""
    from api.kernel.commands import body
    from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal
    from api.oidc.schemas import ClientIn
    from nexus.db.command import run

    method = "client_secret_basic" if secret else "none"
    said = body(
        ClientIn,
        {"name": name, "redirect_uris": redirect_uri, "scopes": scope.split(), "is_trusted": trusted,
         "token_endpoint_auth_method": method},
        remedy="nexus clients add --help",
    )  # fmt: skip
    whoever = Principal("local", "local", organisation, frozenset(), grants={EVERYWHERE: frozenset({EVERYTHING})})

    async def added(session: Session) -> tuple[str, str | None]:
        from api.oidc.service import ClientService

        made, shown = await ClientService(session).register(whoever, said)
        return made.id, shown

    client_id, shown = run(added, organisation)
    typer.echo(f"client_id {client_id}")
    if shown:
        typer.echo(f"client_secret {shown}")


@clients.command("list")
def list_(organisation: Organisation = LOCAL_ORGANISATION) -> None:
    """The applications of an organisation, newest first."""
    from rich.table import Column, Table

    from api.kernel.pages import Cut
    from nexus.db.command import run
    from nexus.progress import console

    async def found(session: Session) -> list[Client]:
        from api.oidc.repository.clients import ClientRepository

        return list((await ClientRepository(session).page(Cut(200, None))).rows)

    # an id that is cut can be copied by nobody
    shown = Table(Column("client_id", no_wrap=True, min_width=39), "name", "secret", "goes back to")
    for client in run(found, organisation):
        shown.add_row(client.id, client.name, "yes" if client.secret_hash else "no", "\n".join(client.redirect_uris))
    console().print(shown)


@clients.command()
def remove(
    client_id: Annotated[str, typer.Argument(show_default=False)], organisation: Organisation = LOCAL_ORGANISATION
) -> None:
    """Remove an application, and end everything that it was granted."""
    from nexus.db.command import run

    async def removed(session: Session) -> None:
        from api.kernel.preconditions import Precondition
        from api.oidc.service import ClientService

        await ClientService(session).remove(client_id, Precondition(None))

    run(removed, organisation)
    typer.echo("removed")


@clients.command("rotate-keys")
def rotate_keys() -> None:
    """Sign with new keys from now on; those of before are published for another week."""
    from api.oidc import keys
    from nexus.db.command import run
    from nexus.sealing import Sealer
    from nexus.settings import get_settings

    run(lambda session: keys.rotate(session, Sealer(get_settings(), "oidc-signing-key")))
    typer.echo("rotated; running processes sign with the new keys within a minute")
