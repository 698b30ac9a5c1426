"""Webhooks: what happens in Nexus, sent to addresses of its tenants as Standard Webhooks (docs/sending-webhooks.md)."""
