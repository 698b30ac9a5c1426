"""Who asks: the principal of a request, and the one protocol by which a slice recognises credentials.

Belongs here: the principal, finding it, which workspace the request is about. Does not belong here: how a credential is
checked: `api/<domain>/authentication.py` offers `authenticator(app)`, and all that are found are asked in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import Depends, FastAPI, Header, Request
from fastapi.security import HTTPBearer

from nexus import slices
from nexus.errors import InputError, NexusError, Permanent
from nexus.telemetry import context
from nexus.tenancy import Tenant

#: In `grants`: the whole organisation, not one workspace; and as a permission, every one there is.
EVERYWHERE, EVERYTHING = "*", "*"


REMEDY = "send `Authorization: Bearer <token>`; `nexus token` prints one"


class UnauthenticatedError(NexusError, Permanent):
    exit_code, status, code = 2, 401, "unauthenticated"


class ForbiddenError(NexusError, Permanent):
    exit_code, status, code = 2, 403, "forbidden"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, service account or key of one organisation, as one credential shows it.

    `grants` says what it may do where: workspace slug, or EVERYWHERE for the organisation and all its workspaces → names
    of permissions, or EVERYTHING. `workspaces` are those it may choose. `authenticated_at` and `methods` (`pwd`, `otp`,
    `hwk`, … as in OpenID Connect's `amr`) say how it signed in, for a step-up. `claims` is whatever its authenticator
    wants to find again.
    """

    kind: Literal["user", "service", "api_key", "local"]
    id: str
    organisation: str
    workspaces: frozenset[str]
    grants: Mapping[str, frozenset[str]]
    authenticated_at: datetime | None = None
    methods: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict)
    #: the workspace of this request; None where it is about the organisation
    chosen: str | None = None
    #: permissions that the credential carries at most, of whatever its holder has; None for all of them
    most: frozenset[str] | None = None

    @property
    def workspace(self) -> str:
        """The workspace of this request. Raises RuntimeError in a route whose permission is of the organisation."""
        if self.chosen is None:
            raise RuntimeError("this request is about the organisation: its permission has no workspace")
        return self.chosen

    @property
    def subject(self) -> str:
        """The person or program behind it: the same for all keys and sessions that they have."""
        return str(self.claims.get("user_id") or self.id)

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.organisation, self.chosen)

    def allows(self, permission: str, workspace: str | None = None) -> bool:
        """Whether it may, in `workspace` (default: that of the request; None: the organisation)."""
        where = workspace or self.chosen
        granted = self.grants.get(EVERYWHERE, frozenset()) | (
            self.grants.get(where, frozenset()) if where else frozenset()
        )
        return permission in granted or EVERYTHING in granted


class Authenticator(Protocol):
    """Recognises one kind of credential."""

    async def authenticate(self, request: Request) -> Principal | None:
        """The principal, or None if the request carries no credential of this kind.

        Raises UnauthenticatedError for one of this kind that is not (or no longer) valid.
        """


def authenticators(app: FastAPI) -> list[Authenticator]:
    """Those of every slice, by name, then the tokens of this machine."""
    from api.credentials import LocalTokens

    return [m.authenticator(app) for m in slices.modules("authentication").values()] + [LocalTokens(app.state.tokens)]


#: Shown in /docs; what a bearer token is, authenticators say.
_bearer = HTTPBearer(auto_error=False, description="`nexus token` prints one")


async def _recognised(request: Request, _: Annotated[object, Depends(_bearer)]) -> Principal:
    asked: Sequence[Authenticator] = request.app.state.authenticators
    for authenticator in asked:
        if found := await authenticator.authenticate(request):
            request.state.principal = found
            if now := context.current():
                # before any check: what is refused is found by whoever was
                now.organisation = found.organisation
            return found
    raise UnauthenticatedError("no credential was sent", remedy=REMEDY)


#: Whoever asks, not yet in any workspace. Slices use the aliases of their `policies.py`, which check a permission.
Recognised = Annotated[Principal, Depends(_recognised)]
WorkspaceHeader = Annotated[
    str | None,
    Header(
        alias="X-Nexus-Workspace", description="needed when the credential carries several workspaces", max_length=63
    ),
]


def chosen(principal: Principal, asked: str | None) -> str:
    """The workspace that a request is about. Raises InputError if it must say which, ForbiddenError if it may not."""
    carried = sorted(principal.workspaces)
    if asked is None:
        if len(carried) != 1:
            raise InputError(
                "the credential carries several workspaces" if carried else "the credential carries no workspace",
                remedy=f"say which in X-Nexus-Workspace: {', '.join(carried)}" if carried else "ask for a role in one",
            )
        return carried[0]
    if asked not in principal.workspaces:
        # whether such a workspace exists is not said
        raise ForbiddenError("the credential does not carry that workspace", remedy=f"it carries: {', '.join(carried)}")
    return asked
