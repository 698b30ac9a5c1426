"""`nexus traces show`: the spans of a trace, for whoever runs this machine.

Belongs here: arguments and what is printed. Does not belong here: keeping spans (nexus/telemetry/spans.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nexus.db import Session

traces = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(traces, name="traces", help="What a request set off, whoever asked.")


# keeps the group a group while it has one command
@traces.callback()
def group() -> None:
    """What a request set off, whoever asked."""


@traces.command()
def show(trace_id: Annotated[str, typer.Argument(help="`trace_id` of a problem or a line of a log")]) -> None:
    """Print the spans of a trace, one a line, oldest first: also those of nobody, which the API shows to nobody.

    What is refused before anybody is recognised and what is open to all belongs to no organisation.
    """
    from nexus.db.command import run
    from nexus.errors import InputError, NotFoundError
    from nexus.telemetry import spans

    if not re.fullmatch("[0-9a-f]{32}", trace_id):
        raise InputError(f"{trace_id[:60]!r} is no id of a trace", remedy="it has 32 hexadecimal digits")

    async def found(session: Session) -> list[dict[str, Any]]:
        return await spans.trace(session, trace_id)

    shown = run(found)
    if not shown:
        raise NotFoundError(
            f"no span of the trace {trace_id} is kept",
            remedy="spans are written a second after they end, the newest 100,000 are kept, and none where "
            "NEXUS_OTLP_ENDPOINT sends them to a collector",
        )
    for span in shown:
        typer.echo(_line(span))


def _line(span: dict[str, Any]) -> str:
    said = " ".join(f"{name}={value}" for name, value in span["attributes"].items())
    failed = "failed" if span["is_error"] else ""
    whose = span["organisation_id"] or "nobody"
    parts = (
        f"{span['started_at']:%Y-%m-%d %H:%M:%S.%f}", f"{span['duration_ms']:.1f} ms", span["service"], span["kind"],
        span["name"], whose, failed, said,
    )  # fmt: skip
    return "  ".join(part for part in parts if part)
