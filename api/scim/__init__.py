"""Provisioning by SCIM 2.0: an organisation's directory makes, changes and ends its people and groups (docs/provisioning.md)."""
