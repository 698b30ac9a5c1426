"""The small file that says which version is current, switched atomically.

Belongs here: reading and switching `current`. Does not belong here: deciding which version deserves it.
Readers need this file and no database.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from nexus.settings import Settings
from warehouse.land.write import sync_folder


@dataclass(frozen=True, slots=True)
class Current:
    version: int
    path: Path


def current_path(settings: Settings) -> Path:
    return settings.warehouse_dir / "current"


def read_current(settings: Settings) -> Current | None:
    """None before the first publication."""
    try:
        content = json.loads(current_path(settings).read_text())
    except FileNotFoundError:
        return None
    return Current(content["version"], settings.warehouse_dir / "versions" / content["file"])


def switch(settings: Settings, version: int, file: str) -> None:
    """From here on readers see `version`. Durable and atomic: a crash leaves the old one or the new one."""
    target = current_path(settings)
    temporary = target.with_name(".current.tmp")
    with temporary.open("w") as handle:
        json.dump({"version": version, "file": file}, handle)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(target)
    sync_folder(target.parent)
