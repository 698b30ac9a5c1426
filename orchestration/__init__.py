"""Orchestration: where records come from and how Dagster runs the path from there to a decision.

Belongs here: sources (one folder each), asset definitions, schedules.
Does not belong here: SQL of the warehouse (transforms), models (ml), HTTP (api).
"""
