"""Models: what they learn from, how they are judged, kept and asked.

Belongs here: `lib/` (tracking, registry, evaluation, drift, serving: the same for every model) and one folder for each
model under `models/`. Does not belong here: feature definitions (features), schedules (orchestration), HTTP (api).
"""
