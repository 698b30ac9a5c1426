"""`nexus audit verify | export`: whether the audit log is what it was, and a copy of it.

Belongs here: arguments and what is printed. Does not belong here: the chain (chain.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexus.db import Session

audit = typer.Typer(no_args_is_help=True)
Organisation = Annotated[
    str | None, typer.Option("--organisation", help="org_…; default: every one that has entries", show_default=False)
]


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit", help="What administrators did: verify the chain, export it.")


@audit.command()
def verify(
    organisation: Organisation = None,
    head: Annotated[
        list[str] | None,
        typer.Option(help="NUMBER:HASH that an earlier run printed for this organisation", show_default=False),
    ] = None,
) -> None:
    """Follow every chain from its first entry; exits with 6 and names the first entry that is not what it was.

    Prints the last entry of each chain with its hash. Kept elsewhere and given as --head, it shows that the end of the log
    was not cut off either, which no chain can show by itself.
    """
    from api.audit import repository
    from api.audit.chain import Verifier
    from nexus.db.command import run
    from nexus.errors import GateError, InputError

    marks = dict(_mark(text) for text in head or ())
    if marks and organisation is None:
        raise InputError("--head is of one organisation", remedy="say which: --organisation org_…")

    async def verified(session: Session) -> list[str]:
        lines = []
        for each in [organisation] if organisation else await repository.organisations(session):
            verifier, missing = Verifier(), dict(marks)
            async for entries in repository.entries(session, each):
                if broken := verifier.follow(entries):
                    raise GateError(
                        f"the audit log of {each} is broken at entry {broken.number} ({broken.id}): {broken.why}",
                        remedy="what comes before it is as it was written; compare it with a backup or an export",
                    )
                for entry in entries:
                    if entry.number in missing and missing.pop(entry.number) != bytes(entry.hash).hex():
                        raise GateError(
                            f"entry {entry.number} of {each} is not the one whose hash you kept",
                            remedy="the whole chain was written anew: compare it with a backup or an export",
                        )
            if missing:
                raise GateError(
                    f"the audit log of {each} ends at entry {verifier.head[0]}, before {min(missing)}",
                    remedy="its end was cut off: compare it with a backup or an export",
                )
            lines.append(f"{each}: {verifier.head[0]} entries as they were written; head {_head(verifier.head)}")
        return lines

    for line in run(verified) or ["no organisation has an entry yet"]:
        typer.echo(line)


@audit.command()
def export(
    organisation: Annotated[str, typer.Argument(help="org_…", show_default=False)],
    since: Annotated[datetime | None, typer.Option(help="from then on (UTC)", show_default=False)] = None,
    until: Annotated[datetime | None, typer.Option(help="before then (UTC)", show_default=False)] = None,
    sealed: Annotated[bool, typer.Option(help="as it was hashed, with addresses under their persons' keys")] = False,
) -> None:
    """Print the entries of an organisation, one JSON object a line, oldest first."""
    from datetime import UTC

    import orjson

    from api.audit import repository
    from api.audit.repository import Asked
    from api.audit.service import shown
    from nexus.db.command import run

    asked = Asked(
        since=since.replace(tzinfo=UTC) if since else None, until=until.replace(tzinfo=UTC) if until else None
    )

    async def printed(session: Session) -> None:
        async for entries in repository.entries(session, organisation, asked):
            if sealed:
                for entry in entries:
                    hashes = {"hash": bytes(entry.hash).hex(), "previous_hash": bytes(entry.previous_hash).hex()}
                    typer.echo(orjson.dumps({"number": entry.number, "body": entry.body, **hashes}).decode())
            else:
                for one in await shown(session, entries):
                    typer.echo(one.model_dump_json())

    run(printed)


def _head(head: tuple[int, bytes]) -> str:
    return f"{head[0]}:{head[1].hex()}"


def _mark(text: str) -> tuple[int, str]:
    from nexus.errors import InputError

    number, _, hash = text.partition(":")
    if not number.isdigit() or len(hash) != 64:
        raise InputError(f"{text!r} is no NUMBER:HASH", remedy="give what `nexus audit verify` printed as head")
    return int(number), hash
