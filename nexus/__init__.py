"""The kernel of Nexus: what every layer stands on, and the command line.

Belongs here: settings, errors, ids, contracts, the embedded PostgreSQL, the supervisor, the CLI.
Does not belong here: anything that imports warehouse, features, ml, orchestration, api or apps.
"""
