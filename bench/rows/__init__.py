"""The rows of `make bench`: one module each, whose name is the row's name, with a `ROW`.

Belongs here: what is done on each side, and how outputs are compared. Does not belong here: measuring (bench/run.py).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from bench.row import Row
from nexus.errors import NotFoundError


def names() -> list[str]:
    """Every row, in alphabetical order."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def get(name: str) -> Row:
    """The row called `name`. Raises NotFoundError listing those that exist."""
    if name not in names():
        raise NotFoundError(f"there is no bench {name!r}", remedy=f"known: {', '.join(names())}")
    row: Row = importlib.import_module(f"{__name__}.{name}").ROW
    return row


def chosen(asked: Sequence[str]) -> dict[str, Row]:
    """The rows asked for, or all."""
    return {name: get(name) for name in asked or names()}
