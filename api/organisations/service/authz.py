"""Answering checks: whose access is read once, however often it is asked about."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import Depends

from api.kernel.permissions import catalogue
from api.kernel.principal import EVERYWHERE, ForbiddenError, Principal
from api.kernel.transactions import Transaction
from api.organisations import access
from api.organisations.access import Access, Circumstances
from api.organisations.decisions import Decision, decide, of_principal
from api.organisations.grants import Grants
from api.organisations.policies import READ
from api.organisations.schemas.authz import CheckIn, listed
from nexus.db import Session
from nexus.errors import InputError


class AuthzService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[tuple[str | None, str | None], Access | None] = {}

    async def decide(self, caller: Principal, asked: CheckIn, address: str | None) -> Decision:
        """Raises InputError for a permission that no slice declares, ForbiddenError for asking about others without `organisations.read`."""
        if asked.permission not in catalogue():
            raise InputError("there is no such permission", remedy="GET /v1/permissions lists them")
        if asked.user_id and asked.service_account_id:
            raise InputError("a check is about a user or about a service account", remedy="leave one of them out")
        me = _itself(caller)
        about = (asked.user_id, asked.service_account_id)
        is_me = about in {(None, None), me}
        if not is_me and not caller.allows(READ.name):
            raise ForbiddenError(f"asking about others needs the permission {READ.name}", remedy="ask about yourself")
        if is_me and me == (None, None):
            return of_principal(caller, asked.permission, asked.workspace)
        user, account = me if is_me else about
        held = await self._access(caller.organisation, user, account)
        circumstances = _circumstances(caller, asked, address, about_itself=is_me)
        cap = _cap(caller) if is_me else None
        return decide(held, asked.permission, asked.workspace, circumstances, cap=cap)

    async def _access(self, organisation: str, user: str | None, account: str | None) -> Access | None:
        key = (user, account)
        if key not in self._read:
            self._read[key] = await access.of(self._session, organisation, user_id=user, service_account_id=account)
        return self._read[key]


def _itself(caller: Principal) -> tuple[str | None, str | None]:
    """The user or service account behind the credential; neither for a token of this machine, nor an application in its own name."""
    if caller.kind == "local" or caller.claims.get("client_id") == caller.id:
        return None, None
    if caller.kind == "service":
        return None, caller.id
    return str(caller.claims.get("user_id") or caller.id), None


def _cap(caller: Principal) -> Grants | None:
    """What the credential carries at most: of a person's token its scopes, because what it carries now depends on circumstances."""
    if caller.kind in {"api_key", "service"}:
        return caller.grants
    return None if caller.most is None else {EVERYWHERE: caller.most}


def _circumstances(caller: Principal, asked: CheckIn, address: str | None, *, about_itself: bool) -> Circumstances:
    """One's own request speaks for itself; of another's, whoever asks tells."""
    methods, where = caller.methods, address
    if not about_itself:
        methods = frozenset(listed(asked.context.get("methods")))
        said = asked.context.get("address")
        where = said if isinstance(said, str) and _is_address(said) else None
    more = {k: v for k, v in asked.context.items() if k not in {"methods", "address"}}
    return Circumstances(methods=methods, address=where, kind=caller.kind, resource=asked.resource, more=more)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def _service(session: Transaction) -> AuthzService:
    return AuthzService(session)


Authz = Annotated[AuthzService, Depends(_service)]
