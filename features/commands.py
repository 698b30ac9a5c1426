"""`nexus features`: fill the feature store, look at what it holds."""

from __future__ import annotations

from typing import Annotated

import typer

from nexus.settings import get_settings


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="The feature store: fill it, look into it.")
    app.add_typer(group, name="features")

    @group.command()
    def materialize(
        version: Annotated[str | None, typer.Option(help="a published version; default: the newest")] = None,
    ) -> None:
        """Fill the online store from a published warehouse version."""
        from features import store
        from nexus.progress import console, table

        with console().status("materialising features"):
            counts = store.materialize(get_settings(), version)
        rows = [("customers", name, count) for name, count in counts.customers.items()]
        rows += [("rows", name, count) for name, count in counts.rows.items()]
        already = " (was there already)" if counts.already else ""
        console().print(table(f"features of {counts.version}{already}", ("what", "of", "count"), rows))

    @group.command()
    def show(
        customer: Annotated[str | None, typer.Argument(help="a customer id; without it, some that are present")] = None,
        workspace: Annotated[str | None, typer.Option("--workspace", "-w")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Show what the online store knows of a customer."""
        import json

        from features import store
        from nexus.errors import NotFoundError
        from nexus.progress import console, table

        settings = get_settings()
        workspace = workspace or settings.workspace
        online = store.Online(settings)
        if customer is None:
            known = online.customers(workspace)
            typer.echo(json.dumps(known) if as_json else "\n".join(known))
            return
        row = online.get(workspace, [customer]).get(customer)
        if row is None:
            raise NotFoundError(
                f"workspace {workspace!r} has no customer {customer!r} in the features of {online.version}",
                remedy="`nexus features show` lists ids there are",
            )
        moment = row.event_timestamp.isoformat()
        if as_json:
            typer.echo(json.dumps({"customer_id": customer, "event_timestamp": moment, **row.features}))
        else:
            title = f"{customer} at {moment}, features of {online.version}"
            console(stderr=False).print(table(title, ("feature", "value"), list(row.features.items())))
