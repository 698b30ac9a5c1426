"""Durable work: begun in the transaction that wants it, done by a worker, taken over when that one dies.

Belongs here: declaring jobs and schedules, beginning them, attempts, the engine (DBOS) and its slots. Does not belong
here: a job of a slice (`api/<domain>/jobs.py`), several steps with compensation (nexus/sagas).
"""

from nexus.jobs.beginning import begin, hurry, operation
from nexus.jobs.declare import PAUSES, Again, Job, job, schedule
from nexus.jobs.work import Work

__all__ = ["PAUSES", "Again", "Job", "Work", "begin", "hurry", "job", "operation", "schedule"]
