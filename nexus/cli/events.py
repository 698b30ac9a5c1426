"""`nexus events tail | consumers | pause | resume | forget | replay | dead-letters`: looking at the log, mending its readers.

Belongs here: arguments and what people see. Does not belong here: the log and its readers (nexus/events).
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nexus.db import Database, Session
    from nexus.events import Position, Recorded
    from nexus.events.letters import Letter
    from nexus.events.offsets import Progress
    from nexus.events.replay import Span

Types = Annotated[
    list[str] | None, typer.Option("--type", help="of this type; may end in *, may be given several times")
]
Name = Annotated[str, typer.Argument(help="a name from `nexus events consumers`", show_default=False)]
Which = Annotated[str | None, typer.Option("--event", help="this one alone (evt_…)")]

events = typer.Typer(no_args_is_help=True)
letters = typer.Typer(no_args_is_help=True)
events.add_typer(letters, name="dead-letters", help="Events that a consumer could not deal with.")


def register(app: typer.Typer) -> None:
    app.add_typer(
        events, name="events", help="The event log: look at it, replay it, mend what its readers could not do."
    )


@events.command()
def tail(
    type_: Types = None,
    stream: Annotated[str | None, typer.Option(help="of one entity, such as note/note_…")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="how many of the newest")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="CloudEvents, one a line")] = False,
) -> None:
    """Print the newest events, oldest first."""
    from nexus.db.command import over
    from nexus.events.log import newest, read

    async def go(database: Database) -> None:
        async with database.system() as session:
            # first: what settles between the two looks is after it, and told below
            at = await _end(session)
            found = await newest(session, lines, types=type_, stream=stream)
        _print([event for event in found if not follow or event.at <= at], as_json)
        while follow:
            await asyncio.sleep(0.2)
            async with database.system() as session:
                more = await read(session, at, types=type_)
            at = more[-1].at if more else at
            _print([event for event in more if stream in (None, event.stream)], as_json)

    over(go)


async def _end(session: Session) -> Position:
    from nexus.events import Position
    from nexus.events.log import newest

    last = await newest(session, 1)
    return last[0].at if last else Position()


def _print(found: list[Recorded], as_json: bool) -> None:
    for event in found:
        if as_json:
            typer.echo(json.dumps(event.cloud_event(), ensure_ascii=False))
        else:
            where = event.workspace_id or event.organisation_id
            data = json.dumps(event.data, ensure_ascii=False)
            typer.echo(
                f"{event.recorded_at:%Y-%m-%d %H:%M:%S} {where} {event.type} {event.stream}#{event.sequence} {data}"
            )


@events.command()
def consumers(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Show how far each consumer is, and how far behind; one that is of no use to anybody is `retired`."""
    from dataclasses import asdict

    from nexus.db.command import run
    from nexus.events.consumer import is_known
    from nexus.events.offsets import progress
    from nexus.progress import console, table

    found: list[Progress] = run(progress)
    if as_json:
        said = [{**asdict(p), "is_retired": not is_known(p.name)} for p in found]
        typer.echo(json.dumps(said, default=str, indent=1))
        return
    rows = [(p.name, _state(p), p.delivered, p.behind, p.retrying, p.dead, p.oldest or "") for p in found]
    columns = ("consumer", "", "delivered", "behind", "retrying", "dead", "oldest not passed")
    console(stderr=False).print(table("", columns, rows))


def _state(consumer: Progress) -> str:
    from nexus.events.consumer import is_known

    if not is_known(consumer.name):
        return "retired"
    return "paused" if consumer.is_paused else ""


@events.command()
def pause(name: Name) -> None:
    """Keep the relay from giving a consumer anything."""
    _pause(name, True)


@events.command()
def resume(name: Name) -> None:
    """Let a paused consumer go on."""
    _pause(name, False)


def _pause(name: str, is_paused: bool) -> None:
    from nexus.db.command import run
    from nexus.events import consumer, offsets

    async def go(session: Session) -> None:
        await offsets.ensure(session, consumer.get(name))
        await offsets.pause(session, name, is_paused)

    run(go)


@events.command()
def forget(name: Name) -> None:
    """Forget a consumer that no code declares any more: what it had not passed, its letters, and that it holds old events back."""
    from nexus.db.command import run
    from nexus.events import retired

    gone = run(lambda session: retired.forget(session, name))
    typer.echo(f"forgot {name}: {gone.behind} events that it had not passed, {gone.retrying + gone.dead} letters")


@events.command()
def replay(
    name: Name,
    stream: Annotated[str | None, typer.Option(help="of one entity, such as note/note_…")] = None,
    type_: Types = None,
    since: Annotated[datetime | None, typer.Option("--from", help="recorded from then on (UTC)")] = None,
    until: Annotated[datetime | None, typer.Option(help="recorded before (UTC)")] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="at most so many a second")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count them")] = False,
) -> None:
    """Give a consumer events again that it has had; effects outside the database are left out."""
    from nexus.db.command import over
    from nexus.events import consumer
    from nexus.events.replay import Span
    from nexus.events.replay import replay as again

    span = Span(stream, tuple(type_ or ()), _utc(since), _utc(until))

    async def go(database: Database) -> Any:
        if not dry_run:
            await _noted(database, name, span)
        return await again(database, consumer.get(name), span, rate=rate, dry_run=dry_run)

    given = over(go)
    for kind, number in sorted(given.items()):
        typer.echo(f"{number:8} {kind}")
    typer.echo(f"{given.total():8} {'would be given again' if dry_run else 'given again'}")


async def _noted(database: Database, name: str, span: Span) -> None:
    """A replay takes many transactions: the act is noted before the first."""
    from dataclasses import asdict

    from nexus.db.changes import Change
    from nexus.db.command import about
    from nexus.events import consumer
    from nexus.events.replay import check
    from nexus.tenancy import LOCAL_ORGANISATION

    check(consumer.get(name))
    wanted = {key: value if isinstance(value, str | None) else str(value) for key, value in asdict(span).items()}
    async with database.system() as session:
        about(session, LOCAL_ORGANISATION)
        session.changes.append(Change("consumer", "replayed", name, {}, wanted))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


@events.command()
def accept() -> None:
    """Note the present forms of events as released, in `api/<domain>/events.json`."""
    from nexus.events.forms import accept as note
    from nexus.settings import PROJECT

    for file in note():
        typer.echo(str(file.relative_to(PROJECT)))


@letters.command("list")
def list_letters(
    name: Annotated[str | None, typer.Argument(help="of this consumer alone")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """List them, oldest first."""
    from nexus.db.command import run
    from nexus.events.letters import dead
    from nexus.progress import console, table

    found: list[Letter] = run(lambda session: dead(session, name))
    if as_json:
        said = [
            {"consumer": d.consumer, "attempts": d.attempts, "failed_at": d.failed_at, "error": d.error, "event": d.recorded.cloud_event()}
            for d in found
        ]  # fmt: skip
        typer.echo(json.dumps(said, default=str, indent=1))
        return
    rows = [(d.consumer, d.recorded.id, d.recorded.type, d.attempts, d.failed_at, (d.error or "")[:120]) for d in found]
    console(stderr=False).print(table("", ("consumer", "event", "type", "attempts", "failed", "error"), rows))


@letters.command()
def show(name: Name, event: Annotated[str, typer.Argument(help="its id (evt_…)")]) -> None:
    """Print one whole: the event and its last error."""
    from nexus.db.command import run
    from nexus.events.letters import required

    [letter] = run(lambda session: required(session, name, event))
    typer.echo(json.dumps(letter.recorded.cloud_event(), ensure_ascii=False, indent=1))
    typer.echo(f"{letter.attempts} attempts, the last at {letter.failed_at}: {letter.error}")


@letters.command()
def requeue(name: Name, event: Which = None) -> None:
    """Let the consumer try them again, from the first attempt."""
    typer.echo(f"{_act('requeue', name, event)} requeued")


@letters.command()
def purge(
    name: Name,
    event: Which = None,
    everything: Annotated[bool, typer.Option("--all", help="all of them, not one")] = False,
) -> None:
    """Give them up: the consumer never has them, what waited behind them goes on. The events stay in the log."""
    from nexus.errors import InputError

    if (event is None) != everything:
        raise InputError("say which one, or that all are meant", remedy="--event evt_…, or --all")
    typer.echo(f"{_act('purge', name, event)} purged")


def _act(what: str, name: str, event: str | None) -> int:
    from nexus.db.command import run
    from nexus.events import letters as acts

    return int(run(lambda session: getattr(acts, what)(session, name, event)))
