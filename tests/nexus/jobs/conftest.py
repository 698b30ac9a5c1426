"""Fixtures of jobs (house.py)."""

from tests.nexus.jobs.house import declared, house, migrated

__all__ = ["declared", "house", "migrated"]
