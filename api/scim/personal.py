"""What directories said of a person. Goes with the membership, or on its own."""

from __future__ import annotations

from sqlalchemy import select

from api.organisations.models import Member
from api.scim.models import ScimAccount, ScimUser
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        ScimUser,
        lambda person: ScimUser.member_id.in_(select(Member.id).where(Member.user_id == person.id)),
        ("member_id", "organisation_id", "user_name", "external_id", "attributes", "suspended_at", "created_at"),
        personal=("user_name", "user_name_key", "external_id", "attributes"),
    ),
    Holding(
        ScimAccount,
        lambda person: ScimAccount.user_id == person.id,
        ("user_id", "organisation_id", "deactivated_at", "created_at"),
    ),
)
