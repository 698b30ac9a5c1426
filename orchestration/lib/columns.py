"""Short constructors of contract columns, so that a contract reads as a table.

Belongs here: one function a kind. Does not belong here: knowledge of any provider.
Each takes name, path (None: the name) and description; options are those of `nexus.contracts.Column`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nexus.contracts import Column, Kind


def text(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    return Column(name, Kind.string, path, description=description, **options)


def whole(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    return Column(name, Kind.integer, path, description=description, **options)


def exact(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    """A decimal number, such as an amount of money in major units."""
    return Column(name, Kind.decimal, path, description=description, **options)


def flag(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    return Column(name, Kind.boolean, path, description=description, **options)


def at(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    """An instant, written as RFC 3339 unless `format` says otherwise."""
    return Column(name, Kind.timestamp, path, description=description, **options)


def day(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    return Column(name, Kind.date, path, description=description, **options)


def part(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    """A piece of the document, kept as JSON text."""
    return Column(name, Kind.json, path, description=description, **options)


def epoch(name: str, path: str | None = None, description: str = "", **options: Any) -> Column:
    """An instant written in seconds since 1970."""
    return at(name, path, description, format="epoch", **options)


def columns(*groups: Column | Sequence[Column]) -> tuple[Column, ...]:
    """Columns and groups of columns in one row."""
    flat: list[Column] = []
    for group in groups:
        flat.extend([group] if isinstance(group, Column) else group)
    return tuple(flat)
