"""Built-in roles over the discovered catalogue, and what a role means where it is given.

Belongs here: which permissions a built-in role has (what each permission's `least` says). Does not belong here: custom
roles' rows, who has which.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import get_args

from api.kernel.permissions import Level, catalogue
from api.kernel.principal import EVERYTHING, EVERYWHERE
from api.organisations.grants import Grants, normal

OWNER = "owner"
_LEVELS: tuple[Level, ...] = get_args(Level)
#: Roles that every organisation has, strongest first.
BUILT_IN: tuple[Level, ...] = tuple(level for level in reversed(_LEVELS) if level != "member")
DESCRIPTIONS = {
    "owner": "May do everything, also what later releases bring; an organisation always has one",
    "admin": "Runs the organisation: members, roles, keys; not what only owners may",
    "analyst": "Works in workspaces: reads, predicts, changes what is of a workspace",
    "viewer": "Looks",
}


@cache
def permissions(level: str) -> frozenset[str]:
    """What a built-in role may: everything for owners, else whatever asks for it or a weaker one."""
    if level == OWNER:
        return frozenset({EVERYTHING})
    rank = _LEVELS.index(level)  # type: ignore[arg-type]
    return frozenset(name for name, p in catalogue().items() if _LEVELS.index(p.least) <= rank)


@cache
def of_workspaces() -> frozenset[str]:
    """Permissions that count in one workspace; the others count for the organisation alone."""
    return frozenset(name for name, p in catalogue().items() if p.scope == "workspace")


def granted(role_permissions: Iterable[str], scope: str) -> Grants:
    """What a role with these permissions means where it is given: in a workspace, nothing of the organisation."""
    found = frozenset(role_permissions)
    if scope != EVERYWHERE and EVERYTHING not in found:
        found &= of_workspaces()
    return normal({scope: found})


@cache
def baseline() -> Grants:
    """What everybody may who belongs to the organisation, whatever the role."""
    return normal({EVERYWHERE: permissions("member")})


def workspaces(grants: Grants, known: Iterable[str]) -> frozenset[str]:
    """Those of the organisation's workspaces in which something of a workspace is allowed."""
    everywhere = grants.get(EVERYWHERE, frozenset())
    if EVERYTHING in everywhere or everywhere & of_workspaces():
        return frozenset(known)
    return frozenset(known) & grants.keys()
