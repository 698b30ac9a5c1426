"""Permissions: the catalogue that slices make, and the dependency by which a route asks for one. Denied by default.

Belongs here: declaring, discovering, checking. Does not belong here: who has which (IAM), a permission of a slice
(`api/<domain>/policies.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from starlette.types import Message, Scope, Send

from api.kernel.principal import ForbiddenError, Principal, Recognised, WorkspaceHeader, chosen
from api.kernel.starting import starting
from nexus import slices
from nexus.telemetry import context

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
Where = Literal["workspace", "organisation"]
#: Built-in roles, weakest first; "member" is whoever belongs to the organisation, whatever its role.
Level = Literal["member", "viewer", "analyst", "admin", "owner"]


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that one may be allowed to do. `name` is `<domain>.<what>`; `scope` is where a grant of it counts.

    `least` is the weakest built-in role that has it; custom roles have what is chosen for them.
    """

    name: str
    description: str
    scope: Where = "workspace"
    least: Level = "admin"

    @property
    def is_administrative(self) -> bool:
        """Whether what is done by it is kept in the audit log: it is about the organisation, or for administrators alone."""
        return self.scope == "organisation" or self.least in {"admin", "owner"}


_catalogue: dict[str, Permission] = {}
_USED = "nexus.used"


def permission(name: str, description: str, scope: Where = "workspace", least: Level = "admin") -> Permission:
    """Declares a permission; a slice does so in its `policies.py`. Raises ValueError for a bad or a second meaning."""
    made = Permission(name, description, scope, least)
    if not _NAME.fullmatch(name) or not description:
        raise ValueError(f"{name!r} is not <domain>.<what> with a description")
    if _catalogue.setdefault(name, made) != made:
        raise ValueError(f"permission {name!r} is declared twice")
    return made


def catalogue() -> dict[str, Permission]:
    """Every permission of every slice, by name."""
    slices.modules("policies")
    return dict(sorted(_catalogue.items()))


class Requires:
    """The check of one permission; `requires` makes a dependency of it."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def in_workspace(
        self, request: Request, principal: Recognised, workspace: WorkspaceHeader = None
    ) -> Principal:
        return self._checked(request, replace(principal, chosen=chosen(principal, workspace)))

    async def in_organisation(self, request: Request, principal: Recognised) -> Principal:
        return self._checked(request, principal)

    def _checked(self, request: Request, principal: Principal) -> Principal:
        if not principal.allows(self.permission.name):
            raise ForbiddenError(
                f"this needs the permission {self.permission.name} ({self.permission.description})",
                remedy="ask who administers your organisation for a role that has it",
            )
        request.state.principal = principal
        request.state.permission = self.permission
        request.scope.setdefault(_USED, []).append((principal, self.permission.name))
        if now := context.current():
            now.organisation, now.workspace = principal.organisation, principal.chosen
        return principal


def counting(scope: Scope, send: Send) -> Send:
    """`send` that counts what the caller used, once it is answered: until then it may be that they were believed wrongly, and
    the request begins again."""

    def count(_: Message) -> None:
        if (uses := getattr(scope["app"].state, "uses", None)) is not None:
            for principal, permission in scope.pop(_USED, ()):
                uses.note(principal, permission)

    return starting(send, count)


def requires(permission: Permission) -> Any:
    """The dependency of a signature: the principal, if it has the permission where the request is about.

    NotesReader = Annotated[Principal, requires(READ)]
    """
    made = Requires(permission)
    # a request about the organisation names no workspace: the header is not offered there
    return Depends(made.in_workspace if permission.scope == "workspace" else made.in_organisation)


class Public:
    """Dependency of a route that asks for no credential, and why that is right."""

    def __init__(self, because: str) -> None:
        self.because = because

    async def __call__(self) -> None:
        return None


def public(because: str) -> Any:
    """`dependencies=[public("…")]` of a route or router: anyone may ask."""
    return Depends(Public(because))


def declared(dependant: Dependant) -> Iterator[Permission | Public]:
    """What a route declares about who may ask."""
    call = dependant.call
    owner = getattr(call, "__self__", None)
    if isinstance(owner, Requires):
        yield owner.permission
    if isinstance(call, Public):
        yield call
    for below in dependant.dependencies:
        yield from declared(below)
