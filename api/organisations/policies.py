"""Who may do what with an organisation: the permissions of this slice, and the sentences of its signatures."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("organisations.read", "See the organisation, its members, roles and groups", "organisation", "viewer")
SETTINGS = permission("organisations.settings", "Rename the organisation, ask for single sign-on", "organisation")
WORKSPACES = permission("organisations.workspaces", "Make and rename workspaces", "organisation")
MEMBERS = permission("organisations.members", "Invite, suspend and remove members, give them roles", "organisation")
ROLES = permission("organisations.roles", "Make and change roles", "organisation")
GROUPS = permission("organisations.groups", "Make and change groups, give them roles", "organisation")
DOMAINS = permission("organisations.domains", "Prove domains", "organisation")
ACCOUNTS = permission("organisations.service_accounts", "Make service accounts and their keys", "organisation")
KEYS = permission("organisations.keys", "Make and revoke API keys of one's own", "organisation", "member")
CHECK = permission("organisations.check", "Ask what one may do, and why", "organisation", "member")

CLOSE = permission("organisations.close", "Close the organisation", "organisation", "owner")

OrganisationReader = Annotated[Principal, requires(READ)]
SettingsWriter = Annotated[Principal, requires(SETTINGS)]
WorkspaceMaker = Annotated[Principal, requires(WORKSPACES)]
MemberManager = Annotated[Principal, requires(MEMBERS)]
RoleManager = Annotated[Principal, requires(ROLES)]
GroupManager = Annotated[Principal, requires(GROUPS)]
DomainManager = Annotated[Principal, requires(DOMAINS)]
AccountManager = Annotated[Principal, requires(ACCOUNTS)]
KeyHolder = Annotated[Principal, requires(KEYS)]
OrganisationCloser = Annotated[Principal, requires(CLOSE)]
AccessAsker = Annotated[Principal, requires(CHECK)]
