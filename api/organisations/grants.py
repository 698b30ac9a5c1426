"""The algebra of grants: what somebody may do where, put together, cut down and compared.

Belongs here: pure functions over `Principal.grants` (scope → permissions; `*` for everywhere and for everything).
Does not belong here: where grants come from (access.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.kernel.principal import EVERYTHING, EVERYWHERE

Grants = Mapping[str, frozenset[str]]
NONE: Grants = {}


def union(*several: Grants) -> Grants:
    """What any of them allows."""
    made: dict[str, frozenset[str]] = {}
    for grants in several:
        for scope, permissions in grants.items():
            made[scope] = made.get(scope, frozenset()) | permissions
    return normal(made)


def normal(grants: Mapping[str, Iterable[str]]) -> Grants:
    """The same without empty scopes; everything swallows what stands beside it."""
    found = {scope: frozenset(permissions) for scope, permissions in grants.items()}
    return {s: frozenset({EVERYTHING}) if EVERYTHING in p else p for s, p in found.items() if p}


def at(grants: Grants, scope: str) -> frozenset[str]:
    """Permissions that count in `scope`: its own, and those of everywhere."""
    return grants.get(EVERYWHERE, frozenset()) | grants.get(scope, frozenset())


def allows(grants: Grants, permission: str, scope: str) -> bool:
    granted = at(grants, scope)
    return permission in granted or EVERYTHING in granted


def missing(holder: Grants, wanted: Grants) -> Grants:
    """What of `wanted` the holder does not have: nothing, if the holder may hand it on.

    Everything is had only by who has everything there: permissions that do not exist yet are part of it.
    """
    lacking = {
        scope: frozenset(p for p in permissions if not allows(holder, p, scope))
        for scope, permissions in wanted.items()
    }
    return normal(lacking)


def intersection(one: Grants, other: Grants) -> Grants:
    """What both allow: a key within what its holder may."""
    made: dict[str, frozenset[str]] = {}
    for scope in one.keys() | other.keys():
        mine, theirs = at(one, scope), at(other, scope)
        if EVERYTHING in mine:
            made[scope] = theirs
        elif EVERYTHING in theirs:
            made[scope] = mine
        else:
            made[scope] = mine & theirs
    return normal(made)
