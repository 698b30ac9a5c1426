"""Acts: what somebody does by a transaction, and who is shown it before it commits.

Belongs here: the act, asking witnesses. Does not belong here: what a witness makes of it (`api/<domain>/witness.py`, whose
`witness(session, act)` writes in the same transaction: an act without its record does not commit).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nexus import slices

if TYPE_CHECKING:
    from nexus.db.session import Session


@dataclass(frozen=True, slots=True)
class Act:
    """`action` is a route or a command, `target` what it was about, `person` the user behind the actor if there is one;
    `reason` whatever they gave as one."""

    organisation: str
    actor_kind: str
    actor_id: str
    person: str | None
    action: str
    permission: str | None = None
    target: str | None = None
    address: str | None = None
    reason: str | None = None


@lru_cache(maxsize=1)
def _witnesses() -> tuple[Any, ...]:
    return tuple(module.witness for module in slices.modules("witness").values())


async def witnessed(session: Session, act: Act) -> None:
    await session.flush()
    for witness in _witnesses():
        await witness(session, act)
