"""The lake and the warehouse behind one small interface.

Belongs here: landing, quarantine, loading, building, publishing and reading.
Does not belong here: what a provider's files mean (orchestration/sources), business rules (transforms/dbt).
"""
