"""Ids in paths and bodies: `note_` and the 32 hexadecimal digits of a UUIDv7.

Belongs here: the type of an id. Does not belong here: making one (nexus.ids.new_id).
"""

from __future__ import annotations

from typing import Any

from fastapi import Path
from pydantic import Field


def pattern(prefix: str) -> str:
    return rf"^{prefix}_[0-9a-f]{{32}}$"


def example(prefix: str) -> str:
    return f"{prefix}_0192f0c4e3b27a1d9c31b8a1f2e6d7c4"


def path_id(prefix: str) -> Any:
    """Of a path parameter: `NoteId = Annotated[str, path_id("note")]`. Another form is refused with 422."""
    return Path(pattern=pattern(prefix), examples=[example(prefix)], description=f"`{prefix}_…`")


def id_field(prefix: str, description: str | None = None) -> Any:
    """Of a schema's field."""
    return Field(pattern=pattern(prefix), examples=[example(prefix)], description=description)
