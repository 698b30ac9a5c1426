"""`nexus up`: from an empty folder to running services, and the display of both."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from nexus.settings import Settings, get_settings

if TYPE_CHECKING:
    from rich.table import Table

    from nexus.supervise import State

_COLOURS = {"healthy": "green", "starting": "yellow", "waiting": "red", "unhealthy": "red"}


def register(app: typer.Typer) -> None:
    @app.command()
    def up(
        detach: Annotated[bool, typer.Option("--detach", "-d", help="return once every service is healthy")] = False,
        demo: Annotated[bool, typer.Option(help="make the demo company first, if nothing is published yet")] = True,
        customers: Annotated[int, typer.Option(min=1, help="size of the demo company")] = 2000,
        months: Annotated[int, typer.Option(min=1, help="length of its history")] = 18,
        seed: Annotated[int, typer.Option(help="the same seed gives the same bytes")] = 7,
    ) -> None:
        """Start everything; the first time, make the demo company and build its warehouse."""
        from nexus import postgres, prepare, slices
        from nexus.db.migrate import migrate
        from nexus.doctor import layers
        from nexus.progress import console
        from nexus.supervise import Supervisor, check_ports

        settings = get_settings()
        supervisor = Supervisor(settings)
        check_free(settings)
        check_ports(settings, supervisor.services.values())
        out = console()
        for finding in layers(settings):
            if finding.level != "ok":
                out.print(f"[yellow]![/] {finding.subject}: {finding.message} → {finding.remedy}", highlight=False)
        began = time.monotonic()
        for revision in migrate(settings):
            out.print(f"[dim]database: applied {revision}[/]", highlight=False)
        # before the first build: what happens here is landed by it, and needs no second one
        said = [f"[bold yellow]→[/] {line}" for line in slices.first_start(settings)]
        for line in said:
            out.print(line, highlight=False, soft_wrap=True)
        if demo and (plan := prepare.stages(settings, customers, months, seed)):
            if settings.database_url is None:
                postgres.ensure_running(settings)  # once for all, not once for each
            for number, stage in enumerate(plan, 1):
                out.rule(
                    f"[bold]{number}/{len(plan)}  {stage.title}[/]  [dim]{time.monotonic() - began:.0f} s[/]",
                    align="left",
                )
                prepare.run(stage)
            # again where it is still to be seen
            for line in said:
                out.print(line, highlight=False, soft_wrap=True)
        if detach:
            start_detached(settings)
        else:
            watch(supervisor, began)


def check_free(settings: Settings) -> None:
    """Raises ConflictError if a supervisor runs from this home already."""
    from nexus.supervise import exclusive

    with exclusive(settings):
        return


def watch(supervisor: object, began: float) -> None:
    """Runs the supervisor in this terminal with a live table; the URLs stay on the screen."""
    from rich.live import Live

    from nexus.progress import console
    from nexus.supervise import Supervisor

    assert isinstance(supervisor, Supervisor)
    out = console()
    announced = False
    with Live(console=out, refresh_per_second=4, transient=True) as live:

        def show(states: list[State]) -> None:
            nonlocal announced
            live.update(states_table(states))
            if not announced and all(s.state == "healthy" for s in states):
                announced = True
                live.console.print(welcome(states, time.monotonic() - began))

        supervisor.run(show)
    out.print("Nexus has stopped; start it again with [bold]make up[/].")


def start_detached(settings: Settings, timeout: float = 240) -> None:
    """Starts the supervisor in a session of its own and waits until every service is healthy."""
    from nexus.errors import MachineError
    from nexus.progress import console
    from nexus.supervise import State, read_state

    began = time.monotonic()
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    with (settings.log_dir / "supervisor.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "nexus.supervise"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    out = console()
    with out.status("starting services …") as status:
        while time.monotonic() - began < timeout:
            content = read_state(settings)
            states = [State(**s) for s in content["services"]] if content else []  # type: ignore[attr-defined]
            missing = [s.name for s in states if s.state != "healthy"]
            if states and not missing:
                out.print(welcome(states, time.monotonic() - began))
                return
            if child.poll() is not None:
                raise MachineError("the supervisor ended at once", remedy=f"read {settings.log_dir / 'supervisor.log'}")
            status.update(f"waiting for {', '.join(missing) or 'the supervisor'}")
            time.sleep(0.3)
    raise MachineError(
        f"not healthy after {timeout:.0f} s: {', '.join(missing)}", remedy="`nexus status`, `nexus logs SERVICE`"
    )


def states_table(states: list[State]) -> Table:
    from nexus.progress import table

    now = time.time()
    rows = []
    for s in states:
        colour = _COLOURS.get(s.state, "dim")
        note = f"{s.state} (again in {max(0, s.retry_at - now):.0f} s)" if s.state == "waiting" else s.state
        note = f"[{colour}]● {note}[/]" + (
            f" [red]restarted {s.restarts}×, last exit {s.last_exit}[/]" if s.restarts else ""
        )
        rows.append((s.name, note, s.url or "", s.purpose))
    return table("", ("service", "state", "address", "what for"), rows)


def welcome(states: list[State], seconds: float) -> Table:
    from nexus.progress import table

    rows = [(f"[bold]{s.url}[/]", s.name, s.purpose) for s in states if s.url]
    made = table(f"[bold green]Nexus is up[/] [dim]after {seconds:.0f} s[/]", ("open", "service", "look at"), rows)
    made.caption = "Look first at Streamlit's Overview. Ctrl-C (or `nexus down`) stops everything."
    made.caption_justify = "left"
    return made
