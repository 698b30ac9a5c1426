"""What `nexus doctor` looks at in this layer: whether every configured connection could be opened.

Belongs here: the list of checks. Does not belong here: asking a provider (`nexus sources test`).
"""

from __future__ import annotations

from nexus.doctor import Finding
from nexus.settings import Settings


def checks(settings: Settings) -> list[Finding]:
    from orchestration.live.connections import examine

    return examine(settings)
