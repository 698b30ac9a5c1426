"""API keys by their hash, before a tenant is known, and the note of their use."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, or_, select, update

from api.organisations.models import ApiKey, Member, ServiceAccount
from api.organisations.repository.access import Subject
from nexus.db import Session

#: How exact `last_used_at` is: no request writes more often than this.
NOTED_EVERY = timedelta(minutes=1)


class KeyRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def valid(self, digest: bytes) -> tuple[ApiKey, Subject, bool] | None:
        """The key if it is valid, whose it is, and whether its use is to be noted. Needs a session that sees all."""
        valid = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at > func.now())
        stale = ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < func.now() - NOTED_EVERY)
        row = (
            await self._session.execute(
                select(ApiKey, Member, ServiceAccount, stale)
                .outerjoin(Member, Member.id == ApiKey.member_id)
                .outerjoin(ServiceAccount, ServiceAccount.id == ApiKey.service_account_id)
                .where(ApiKey.hash == digest, valid)
            )
        ).one_or_none()
        if row is None:
            return None
        key, member, account, is_stale = row
        if member is not None:
            return key, Subject("member", member.id, member.status == "active", member.user_id), is_stale
        return key, Subject("service_account", account.id, account.disabled_at is None), is_stale

    async def note_use(self, key: ApiKey) -> None:
        """Writes that the key was used, unless that was written a short while ago. Its version stays: nobody changed it."""
        before = func.now() - NOTED_EVERY
        await self._session.execute(
            update(ApiKey)
            .where(ApiKey.id == key.id, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < before))
            .values(last_used_at=func.now(), updated_at=ApiKey.updated_at)
            .execution_options(synchronize_session=False)
        )
