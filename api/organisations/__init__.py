"""Organisations: members, roles, groups, invitations, domains, service accounts, keys, and what each may do (docs/access.md)."""
