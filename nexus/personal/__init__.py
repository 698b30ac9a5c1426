"""Personal data within what is kept for ever: sealed under a key of its person, so that deleting the key erases it.

Belongs here: which fields are personal, sealing, opening, and the register of what slices hold. Does not belong here:
exporting and erasing a person (`api/privacy`), secrets of the machine (nexus/sealing.py).

The key lies in `app.privacy_key` (docs/personal-data.md). It keeps nobody from reading who may read the database; it lets
one row's removal erase what append-only tables hold.
"""

from nexus.personal.fields import Personal, personal_fields
from nexus.personal.vault import ERASED, OTHERS, is_sealed, opened, opened_text, sealed, sealed_text

__all__ = [
    "ERASED",
    "OTHERS",
    "Personal",
    "is_sealed",
    "opened",
    "opened_text",
    "personal_fields",
    "sealed",
    "sealed_text",
]
