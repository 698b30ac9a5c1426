"""What `nexus doctor` looks at in this layer: a restore that did not end.

Belongs here: the list of checks. Does not belong here: restoring (warehouse/backup).
"""

from __future__ import annotations

from nexus.doctor import Finding
from nexus.settings import Settings


def checks(settings: Settings) -> list[Finding]:
    from warehouse.backup.restore import unfinished

    source = unfinished(settings)
    if source is None:
        return []
    return [
        Finding(
            "restore", "fail", f"the restore of {source} into this home did not end",
            f"nexus restore {source} (what it left is removed first)",
        )
    ]  # fmt: skip
