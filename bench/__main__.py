"""`python -m bench [row …]`: measures and prints; fails only where outputs are not equal.

Belongs here: arguments and the exit code. Does not belong here: measuring (run.py), printing (show.py).
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Annotated

import typer

from bench import rows
from bench.run import measure, workshop
from bench.show import as_dict, show
from nexus.errors import NexusError
from nexus.progress import console


def bench(
    names: Annotated[list[str] | None, typer.Argument(help=f"which: {', '.join(rows.names())}", metavar="ROW")] = None,
    sizes: Annotated[list[int] | None, typer.Option("--rows", help="records to measure with; may be repeated")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="turns of each side, of which the fastest counts")] = 1,
    seed: Annotated[int, typer.Option(help="of the generated data")] = 20_261_127,
    as_json: Annotated[bool, typer.Option("--json", help="figures as JSON")] = False,
) -> None:
    """Measure what was promised beside what it is promised against. Exit code 1 only if outputs differ."""
    asked = rows.chosen(names or [])
    err = console()
    told: dict[str, object] = {}
    differ = False
    with workshop() as (folder, server):
        for name, row in asked.items():
            result = measure(
                name, row, tuple(sizes or row.sizes), repeat, folder, server, seed, lambda t: err.print(t, style="dim")
            )
            differ = differ or bool(result.differences)
            told[name] = as_dict(row, result)
            if not as_json:
                show(name, row, result)
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    if differ:
        raise typer.Exit(1)


def main() -> None:
    # ended from outside it tidies up as well: servers and folders would stay behind
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        typer.run(bench)
    except NexusError as error:
        console().print(f"error {error}", markup=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
