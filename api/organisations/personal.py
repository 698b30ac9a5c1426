"""What organisations hold of a person: memberships (roles, groups and keys go with them) and invitations to their address."""

from __future__ import annotations

from api.organisations.models import Invitation, Member
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        Invitation,
        lambda person: (Invitation.accepted_by == person.id) | (Invitation.email_key == person.email_key),
        ("id", "organisation_id", "email", "created_at", "expires_at", "accepted_at", "revoked_at"),
        personal=("email", "email_key"),
    ),
    Holding(
        Member,
        lambda person: Member.user_id == person.id,
        ("id", "organisation_id", "status", "is_break_glass", "created_at", "updated_at"),
    ),
)
