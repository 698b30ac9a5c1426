"""`nexus keys add` and `nexus domains prove`: what an organisation needs first, for whoever runs this machine.

Belongs here: arguments and what is printed. Does not belong here: rules about keys and domains (service/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nexus.tenancy import LOCAL_ORGANISATION

if TYPE_CHECKING:
    from api.kernel.principal import Principal
    from nexus.db import Session

Organisation = Annotated[str, typer.Option(help="whose it is; default: the organisation of this machine")]
HELP = "nexus keys add --help"
keys = typer.Typer(no_args_is_help=True)
domains = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys", help="Keys with which programs call the API.")
    app.add_typer(domains, name="domains", help="Domains of which an organisation's people have their addresses.")


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="of the program; it becomes a service account", show_default=False)],
    role: Annotated[str, typer.Option(help="what the program may: owner, admin, analyst, viewer or role_…")] = "viewer",
    may: Annotated[
        list[str] | None,
        typer.Option(help="let the key do this alone (a permission); repeatable; default: what its role may"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="for so long it is valid")] = 30,
    organisation: Organisation = LOCAL_ORGANISATION,
) -> None:
    """Make a program with a role everywhere in the organisation, and print its key (once)."""
    from api.kernel.commands import body
    from api.kernel.principal import EVERYWHERE
    from api.organisations.schemas.access import AccountIn, RoleGivenIn
    from api.organisations.schemas.keys import KeyIn
    from api.organisations.service.accounts import AccountService
    from api.organisations.service.keys import KeyService
    from nexus.db.command import run

    async def added(session: Session) -> str:
        from api.kernel.preconditions import Precondition

        accounts, whoever = AccountService(session), _whoever(organisation)
        account = await accounts.create(whoever, body(AccountIn, {"name": name}, HELP))
        given = [body(RoleGivenIn, {"role": role, "scope": EVERYWHERE}, HELP)]
        await accounts.set_roles(whoever, account.id, given, Precondition(None))
        own = await accounts.rules.of_assignments(await accounts.rows.assignments(account))
        scopes = {EVERYWHERE: may or sorted(own.get(EVERYWHERE, ()))}
        values = {"name": name, "scopes": scopes, "expires_in_days": days, "service_account_id": account.id}
        said = body(KeyIn, values, HELP)
        return (await KeyService(session).create(whoever, said))[1]

    typer.echo(run(added, organisation))


@domains.command("prove")
def prove(
    name: Annotated[str, typer.Argument(help="such as example.com", show_default=False)],
    organisation: Organisation = LOCAL_ORGANISATION,
) -> None:
    """Hold a domain for proved without asking DNS: you answer for it. Its people can then be provisioned and invited."""
    from api.organisations.service.domains import DomainService
    from nexus.db.command import run

    async def proved(session: Session) -> None:
        await DomainService(session, None).trust(_whoever(organisation), name)

    run(proved, organisation)
    typer.echo(f"{name} is proved for {organisation}")


def _whoever(organisation: str) -> Principal:
    from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal

    return Principal("local", "local", organisation, frozenset(), grants={EVERYWHERE: frozenset({EVERYTHING})})
