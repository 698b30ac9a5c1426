"""The inbox: whatever is dropped into `<home>/inbox/<workspace>/<source>/` is taken in with no other action.

Belongs here: what lies there and is complete (folder.py), landing it and putting it away (taking.py), the report beside
it (report.py), what became of it in the marts (outcome.py).
Does not belong here: when the graph looks (orchestration/defs/arrivals.py), how files land (warehouse/land).
"""

from orchestration.inbox.folder import Drop, drops, settled
from orchestration.inbox.outcome import conclude, published
from orchestration.inbox.taking import refuse_strays, take

__all__ = ["Drop", "conclude", "drops", "published", "refuse_strays", "settled", "take"]
