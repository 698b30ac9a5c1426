"""API keys: made within what maker and holder may, rotated with an overlap, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends

from api.kernel.principal import EVERYTHING, ForbiddenError, Principal
from api.kernel.transactions import Transaction
from api.organisations import events, keys
from api.organisations.events import KeyState
from api.organisations.grants import Grants, missing, normal
from api.organisations.models import ApiKey, Member, ServiceAccount
from api.organisations.policies import ACCOUNTS
from api.organisations.schemas.keys import KeyIn, RotateIn
from api.organisations.service.custom_roles import known
from api.organisations.service.rules import Rules, within
from nexus.db import Session
from nexus.errors import ConflictError, InputError, NotFoundError
from nexus.ids import new_id


def state(key: ApiKey) -> KeyState:
    return KeyState(
        name=key.name,
        prefix=key.prefix,
        subject_id=key.member_id or key.service_account_id or "",
        scopes={scope: tuple(permissions) for scope, permissions in key.scopes.items()},
        expires_at=key.expires_at,
        is_revoked=key.revoked_at is not None,
        rotated_from=key.rotated_from,
    )


def by_a_person(caller: Principal) -> None:
    """Raises ForbiddenError for a key: one that leaked would live on in the keys that it made."""
    if caller.kind in {"api_key", "service"}:
        raise ForbiddenError("a key makes no keys", remedy="sign in and make it yourself")


class KeyService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)
        self.rows = self.rules.rows

    async def create(self, caller: Principal, said: KeyIn) -> tuple[ApiKey, str]:
        """The key's row and its text. Raises InputError, EscalationError, ForbiddenError, NotFoundError."""
        scopes = await self._scopes(caller, said)
        member, account = await self._holder(caller, said.service_account_id)
        within(caller, scopes, "making a key")
        holder = member or account
        assert holder is not None
        if account:
            own = await self.rules.of_assignments(await self.rows.assignments(account))
            if missing(own, scopes):
                raise InputError(
                    "the service account has not itself what the key is to have", remedy="give it a role first"
                )
        return await self._made(
            caller,
            said.expires_in_days,
            name=said.name,
            member_id=member.id if member else None,
            service_account_id=account.id if account else None,
            scopes={scope: sorted(permissions) for scope, permissions in scopes.items()},
        )

    async def rotate(self, caller: Principal, id: str, said: RotateIn) -> tuple[ApiKey, str]:
        """A new key like the old one, which ends after the overlap.

        Raises NotFoundError, ConflictError, EscalationError; ForbiddenError for somebody else's own key, in whose name one would act.
        """
        by_a_person(caller)
        old = await self.found(caller, id, to_change=True)
        if old.member_id is not None and old.member_id != await self.own(caller):
            raise ForbiddenError("only its owner rotates a member's key", remedy="revoke it, and let them make another")
        now = datetime.now(UTC)
        if old.revoked_at is not None or old.expires_at <= now:
            raise ConflictError("the key is valid no more", remedy="make a new one")
        within(caller, normal(old.scopes), "rotating a key")
        made = await self._made(
            caller,
            said.expires_in_days,
            name=old.name,
            member_id=old.member_id,
            service_account_id=old.service_account_id,
            scopes=old.scopes,
            rotated_from=old.id,
        )
        before = state(old)
        old.expires_at = min(old.expires_at, now + timedelta(seconds=said.overlap_seconds))
        self._session.record(events.ApiKeyChanged(api_key_id=id, actor_id=caller.id, before=before, after=state(old)))
        return made

    async def revoke(self, caller: Principal, id: str) -> None:
        """It opens nothing from the commit on, also if a closing that revoked it already is cancelled. Does nothing twice.

        Raises NotFoundError.
        """
        found = await self.found(caller, id, to_change=True)
        found.is_shut = False
        if found.revoked_at is None:
            before = state(found)
            found.revoked_at = datetime.now(UTC)
            self._session.record(
                events.ApiKeyChanged(api_key_id=id, actor_id=caller.id, before=before, after=state(found))
            )

    async def found(self, caller: Principal, id: str, *, to_change: bool = False) -> ApiKey:
        """A key of the caller's own, or any for who manages service accounts. Raises NotFoundError for others."""
        key = await self.rows.get(ApiKey, id, to_change=to_change)
        if not caller.allows(ACCOUNTS.name) and key.member_id != await self.own(caller):
            raise NotFoundError("there is no such API key")
        return key

    async def own(self, caller: Principal) -> str:
        """The caller's member id; empty for who is none."""
        found = await self.rows.member_by_user(caller.organisation, str(caller.claims.get("user_id") or caller.id))
        return found.id if found else ""

    async def _holder(self, caller: Principal, account: str | None) -> tuple[Member | None, ServiceAccount | None]:
        by_a_person(caller)
        if account is not None:
            if not caller.allows(ACCOUNTS.name):
                raise ForbiddenError(f"this needs the permission {ACCOUNTS.name} ({ACCOUNTS.description})")
            return None, await self.rows.get(ServiceAccount, account)
        member = await self.rows.member_by_user(caller.organisation, caller.id)
        if member is None:
            raise ForbiddenError("only members have keys of their own", remedy="make one of a service account")
        return member, None

    async def _scopes(self, caller: Principal, said: KeyIn) -> Grants:
        await self.rules.scopes_known(caller.organisation, set(said.scopes))
        return normal(
            {
                s: known(p for p in ps if p != EVERYTHING) + [EVERYTHING] * (EVERYTHING in ps)
                for s, ps in said.scopes.items()
            }
        )

    async def _made(self, caller: Principal, days: int, **said: object) -> tuple[ApiKey, str]:
        secret = keys.new()
        made = ApiKey(
            id=new_id("key"),
            organisation_id=caller.organisation,
            prefix=secret.prefix,
            hash=secret.hash,
            created_by=caller.id,
            expires_at=datetime.now(UTC) + timedelta(days=days),
            **said,
        )
        await self.rows.add(made)
        happened = events.ApiKeyCreated(api_key_id=made.id, actor_id=caller.id, after=state(made))
        self._session.record(happened, expected_version=0)
        return made, secret.text


async def _service(session: Transaction) -> KeyService:
    return KeyService(session)


Keys = Annotated[KeyService, Depends(_service)]
