"""What happens to organisations, as readers of the event log learn of it: who did it, what was before, what is after.

Members are told by id, addresses not at all; of a token or a key, nothing.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from nexus.events import Event


class State(BaseModel):
    """What an entity was at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RoleGiven(State):
    """A role, where it counts (a workspace or `*`), and under which condition."""

    role: str
    scope: str
    condition: str | None = None


class OrganisationState(State):
    name: str
    is_sso_required: bool
    is_mfa_required: bool | None = None


class WorkspaceState(State):
    name: str


class MemberState(State):
    user_id: str
    status: str
    is_break_glass: bool
    roles: tuple[RoleGiven, ...]


class RoleState(State):
    name: str
    description: str
    permissions: tuple[str, ...]


class GroupState(State):
    name: str
    description: str
    member_ids: tuple[str, ...]
    roles: tuple[RoleGiven, ...]


class AccountState(State):
    name: str
    description: str
    is_disabled: bool
    roles: tuple[RoleGiven, ...]


class InvitationState(State):
    status: str
    roles: tuple[RoleGiven, ...]
    expires_at: datetime


class DomainState(State):
    name: str
    is_verified: bool


class KeyState(State):
    """`subject_id` is the member or service account whose key it is."""

    name: str
    prefix: str
    subject_id: str
    scopes: dict[str, tuple[str, ...]]
    expires_at: datetime
    is_revoked: bool
    rotated_from: str | None = None


class OrganisationCreated(Event, type="organisations.organisation.created"):
    organisation_id: str
    actor_id: str
    after: OrganisationState


class OrganisationChanged(Event, type="organisations.organisation.changed"):
    organisation_id: str
    actor_id: str
    before: OrganisationState
    after: OrganisationState


class OrganisationShut(Event, type="organisations.organisation.shut"):
    """It is being closed: so many of each were open, and are no more. Owners alone can still sign in."""

    organisation_id: str
    actor_id: str
    members: int
    service_accounts: int
    api_keys: int
    invitations: int


class OrganisationReopened(Event, type="organisations.organisation.reopened"):
    """What was shut is open again."""

    organisation_id: str
    actor_id: str


class OrganisationClosed(Event, type="organisations.organisation.closed"):
    """Nobody belongs to it any more; whoever keeps something of it removes that."""

    organisation_id: str
    actor_id: str


class WorkspaceCreated(Event, type="organisations.workspace.created"):
    workspace_id: str
    actor_id: str
    after: WorkspaceState


class WorkspaceChanged(Event, type="organisations.workspace.changed"):
    workspace_id: str
    actor_id: str
    before: WorkspaceState
    after: WorkspaceState


class MemberCreated(Event, type="organisations.member.created"):
    member_id: str
    actor_id: str
    after: MemberState


class MemberChanged(Event, type="organisations.member.changed"):
    member_id: str
    actor_id: str
    before: MemberState
    after: MemberState


class MemberRemoved(Event, type="organisations.member.removed"):
    member_id: str
    actor_id: str
    before: MemberState


class RoleCreated(Event, type="organisations.role.created"):
    role_id: str
    actor_id: str
    after: RoleState


class RoleChanged(Event, type="organisations.role.changed"):
    role_id: str
    actor_id: str
    before: RoleState
    after: RoleState


class RoleRemoved(Event, type="organisations.role.removed"):
    role_id: str
    actor_id: str
    before: RoleState


class GroupCreated(Event, type="organisations.group.created"):
    group_id: str
    actor_id: str
    after: GroupState


class GroupChanged(Event, type="organisations.group.changed"):
    group_id: str
    actor_id: str
    before: GroupState
    after: GroupState


class GroupRemoved(Event, type="organisations.group.removed"):
    group_id: str
    actor_id: str
    before: GroupState


class ServiceAccountCreated(Event, type="organisations.service_account.created"):
    service_account_id: str
    actor_id: str
    after: AccountState


class ServiceAccountChanged(Event, type="organisations.service_account.changed"):
    service_account_id: str
    actor_id: str
    before: AccountState
    after: AccountState


class ServiceAccountRemoved(Event, type="organisations.service_account.removed"):
    service_account_id: str
    actor_id: str
    before: AccountState


class InvitationCreated(Event, type="organisations.invitation.created"):
    invitation_id: str
    actor_id: str
    after: InvitationState


class InvitationChanged(Event, type="organisations.invitation.changed"):
    """Accepted or revoked; `member_id` is whom it became."""

    invitation_id: str
    actor_id: str
    before: InvitationState
    after: InvitationState
    member_id: str | None = None


class DomainCreated(Event, type="organisations.domain.created"):
    domain_id: str
    actor_id: str
    after: DomainState


class DomainChanged(Event, type="organisations.domain.changed"):
    domain_id: str
    actor_id: str
    before: DomainState
    after: DomainState


class DomainRemoved(Event, type="organisations.domain.removed"):
    domain_id: str
    actor_id: str
    before: DomainState


class ApiKeyCreated(Event, type="organisations.api_key.created"):
    api_key_id: str
    actor_id: str
    after: KeyState


class ApiKeyChanged(Event, type="organisations.api_key.changed"):
    """Revoked, or shortened by a rotation."""

    api_key_id: str
    actor_id: str
    before: KeyState
    after: KeyState
