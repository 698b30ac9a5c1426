"""Connections to providers: one YAML file for each workspace, `<home>/connections/<workspace>.yml`.

    stripe:                       # name of the connection, and of its source unless `source` says otherwise
      api_key: env:STRIPE_API_KEY
      since: 2025-01-01
    paypal-europe:
      source: paypal
      client_id: env:PAYPAL_CLIENT_ID
      client_secret: file:/run/secrets/paypal

Belongs here: where the files are, their common form, reading them. Does not belong here: what a source's options mean
(`orchestration/sources/<source>/live.py`), using a connection (orchestration/live).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nexus.errors import InputError, NotFoundError
from nexus.ids import is_workspace_slug, workspace_slug
from nexus.settings import Settings

#: Source and connection of Nexus itself, which nobody configures: every workspace is connected to it.
OWN = "nexus"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Connection:
    """One provider account of one workspace; `options` as they stand in the file, secrets as references."""

    workspace: str
    name: str
    source: str
    options: Mapping[str, Any]
    path: Path


def folder(settings: Settings) -> Path:
    """Where the files of all workspaces are."""
    return settings.home / "connections"


def workspaces(settings: Settings) -> list[str]:
    """Workspaces that have a file of connections; `load_all` tells of a file whose name is no workspace."""
    return [path.stem for path in sorted(folder(settings).glob("*.yml")) if is_workspace_slug(path.stem)]


def load(settings: Settings, workspace: str) -> list[Connection]:
    """The connections of `workspace` in the order of its file; none without a file. Raises InputError for a bad one."""
    path = folder(settings) / f"{workspace_slug(workspace)}.yml"
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, yaml.YAMLError) as error:  # a day that no month has is a ValueError
        raise InputError(
            f"{path} cannot be read: {error}", remedy="correct the file; docs/connecting.md shows one"
        ) from None
    if content is None:
        return []
    if not isinstance(content, dict):
        raise InputError(
            f"{path} must hold names of connections and their options", remedy="docs/connecting.md shows one"
        )
    return [_connection(path, workspace, name, options) for name, options in content.items()]


def load_all(settings: Settings) -> tuple[list[Connection], dict[str, InputError]]:
    """Connections of every workspace, and by workspace what is wrong with a file that cannot be used."""
    found: list[Connection] = []
    faults: dict[str, InputError] = {}
    for path in sorted(folder(settings).glob("*.yml")):
        try:
            found += load(settings, path.stem)
        except InputError as error:
            faults[path.stem] = error
    return found, faults


def find(settings: Settings, workspace: str, name: str) -> Connection:
    """The connection called `name`; raises NotFoundError listing those that exist."""
    found = load(settings, workspace)
    for connection in found:
        if connection.name == name:
            return connection
    have = ", ".join(c.name for c in found) or "none"
    raise NotFoundError(
        f"workspace {workspace!r} has no connection {name!r}; it has: {have}",
        remedy=f"add it to {folder(settings) / f'{workspace}.yml'}; docs/connecting.md shows how",
    )


def _connection(path: Path, workspace: str, name: object, options: object) -> Connection:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{path}: {name!r} is not usable as the name of a connection",
            remedy="use 1 to 63 lower-case letters, digits, '-' or '_', starting with a letter",
        )
    if options is None:
        options = {}
    if not isinstance(options, dict):
        raise InputError(f"{path}: {name} must have options below it", remedy="such as  api_key: env:NAME")
    rest = {str(key): value for key, value in options.items() if key != "source"}
    return Connection(workspace, name, str(options.get("source", name)), rest, path)


def require(settings: Settings, workspace: str, name: str) -> None:
    """Raises NotFoundError, with the names that there are, where nobody has configured the workspace or the connection;
    an empty name stands for all."""
    have = [path.stem for path in sorted(folder(settings).glob("*.yml"))]
    if workspace and workspace not in have:
        raise NotFoundError(
            f"workspace {workspace!r} has no connections; workspaces that have: {', '.join(have) or 'none'}",
            remedy=f"correct the name, or write {folder(settings) / f'{workspace}.yml'}",
        )
    if workspace and name:
        find(settings, workspace, name)
    elif name:
        names: set[str] = set()
        for each in have:
            with suppress(InputError):  # of a file that cannot be used its own pull tells
                names |= {connection.name for connection in load(settings, each)}
        if name not in names:
            raise NotFoundError(
                f"no workspace has a connection {name!r}; there are: {', '.join(sorted(names)) or 'none'}",
                remedy="correct the name; `nexus sources` lists connections",
            )
