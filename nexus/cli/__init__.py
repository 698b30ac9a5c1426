"""The command line `nexus`: discovers commands, translates errors into one message and an exit code.

Belongs here: the application and its edges. Does not belong here: what a command does. Commands live in
`nexus/cli/<name>.py`, `<layer>/commands.py`, `<layer>/<name>_command.py` or `api/<domain>/commands.py` and offer
`register(app)`. Heavy imports stay inside their bodies.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pkgutil
import sys

import typer

from nexus import slices
from nexus.errors import NexusError
from nexus.trouble import machine_error

#: Layers that may bring commands, in the order in which `nexus --help` shows them.
LAYERS = ("orchestration", "warehouse", "features", "ml", "api")


def build() -> typer.Typer:
    """The application with every command that is found."""
    app = typer.Typer(
        name="nexus",
        help="Operations, analytics and machine learning on one machine.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for name in _modules():
        importlib.import_module(name).register(app)
    return app


def _modules() -> list[str]:
    found = [f"nexus.cli.{m.name}" for m in pkgutil.iter_modules(__path__)]
    for layer in LAYERS:
        spec = importlib.util.find_spec(layer)
        names = [m.name for m in pkgutil.iter_modules(spec.submodule_search_locations if spec else [])]
        found += [f"{layer}.{name}" for name in names if name == "commands" or name.endswith("_command")]
    found += [
        f"{slices.LAYER}.{name}.commands" for name, at in slices.folders().items() if slices.offers(at, "commands")
    ]
    return found


def main() -> None:
    """Entry point: bad input gives one message on stderr and the exit code of its kind, never a traceback."""
    # a lost connection is told once, by the error that it raises; the driver would warn of its clean-up beside it
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        build()()
    except NexusError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        found = machine_error(error)
        if found is None:
            raise
        _tell(found)
        sys.exit(found.exit_code)


def _tell(error: NexusError) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]error[/] {_escape(error.message)}", soft_wrap=True)
    if error.remedy:
        console.print(f"  [dim]→[/] {_escape(error.remedy)}", soft_wrap=True)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
