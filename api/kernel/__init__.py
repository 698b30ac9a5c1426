"""What a slice of the API declares instead of writing it: transaction, credential, permission, pages, keys, versions.

Belongs here: dependencies that every slice uses (docs/adding-a-domain.md). Does not belong here: a route or a table of
any domain; what works without HTTP (nexus/db, nexus/events).
"""
