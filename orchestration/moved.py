"""A home that has moved: exports that lay in it are looked for where it is now.

Belongs here: the list `exports.json` after a restore elsewhere. Does not belong here: restoring (warehouse/backup).
"""

from __future__ import annotations

from pathlib import Path

from nexus.settings import Settings
from orchestration import exports


def moved(settings: Settings, before: Path) -> None:
    """Remembered folders below `before` become the same folders below the present home; others stay as they are."""
    exports.relocate(settings, before, settings.home.resolve())
