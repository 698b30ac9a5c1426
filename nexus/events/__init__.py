"""The event log: what happened, written in the transaction of the change that it tells of.

Belongs here: typed events, the log, and (beside it) who reads it. Does not belong here: events of a slice
(`api/<domain>/events.py`), their consumers (`api/<domain>/consumers.py`).
"""

from nexus.events.event import Event, Recording, known
from nexus.events.log import Position, Recorded, read

__all__ = ["Event", "Position", "Recorded", "Recording", "known", "read"]
