"""The feature repository: which views and services exist, and the store that is made of a published version.

Belongs here: `catalog.py` (what there is), `views.py` (the same as Feast objects), `store/` (the machinery).
Does not belong here: how a feature is computed (transforms/dbt/models/features), models (ml).
"""
