"""Commands that do without a library which others would import in passing.

Belongs here: keeping it out of the command's own process. Does not belong here: what is imported on purpose.

DuckDB asks of each parameter, and Arrow of each list, whether it is one of pandas', and imports pandas to be able to ask:
half a second of processor time and 70 MB for a command that never meets one. Both take a pandas that is not found for one
that is not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_owned = False


def own() -> None:
    """Says that this process is here for one command: said by the command line, and by no test or service that calls a command."""
    global _owned
    _owned = True


def lean(command: Callable[P, R]) -> Callable[P, R]:
    """A command without pandas, where the process is its own and nobody has imported it yet."""

    @wraps(command)
    def without(*args: P.args, **kwargs: P.kwargs) -> R:
        if _owned:
            sys.meta_path.insert(0, _Without())
        return command(*args, **kwargs)

    return without


class _Without(MetaPathFinder):
    """Finds no pandas. (None in `sys.modules` would do for Python, but compiled modules take it for the module.)"""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("this process does without pandas (nexus/lean.py)", name=fullname)
