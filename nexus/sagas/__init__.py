"""Sagas: several steps, each whole in itself, that are undone in reverse order when a later one cannot be done.

Belongs here: declaring, the states, running them as a job, mending what is stuck. Does not belong here: a saga of a slice
(`api/<domain>/sagas.py`), HTTP (api/sagas).
"""

from nexus.sagas.beginning import begin
from nexus.sagas.declare import Doing, Saga, Step

__all__ = ["Doing", "Saga", "Step", "begin"]
