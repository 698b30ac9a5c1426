"""Identifiers: sortable, prefixed, safe in file names and URLs."""

from __future__ import annotations

import re

import uuid_utils

from nexus.errors import InputError

_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def new_id(prefix: str) -> str:
    """A time-sortable id such as `bat_0192f0c4e3b27a1d9c31b8a1f2e6d7c4` (UUIDv7, hexadecimal)."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def is_workspace_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def workspace_slug(text: str) -> str:
    """`text` if it can name a workspace; it becomes a folder and a value of `workspace_id`.

    Raises InputError otherwise.
    """
    if not is_workspace_slug(text):
        raise InputError(
            f"workspace {text!r} is not usable as a name",
            remedy="use 1 to 63 lower-case letters, digits, '-' or '_', starting with a letter",
        )
    return text
