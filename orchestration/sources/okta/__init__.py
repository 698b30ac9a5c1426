"""Okta: System Log, users, groups and memberships."""
