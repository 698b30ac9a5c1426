"""Names of fields as the ledger can keep them.

Belongs here: a name that any document may have as a text that PostgreSQL stores and indexes.
Does not belong here: which fields are new (commit.py), the documents themselves, which keep their names.
"""

from __future__ import annotations

import hashlib
import unicodedata

#: Characters of a name that is kept whole. An index of PostgreSQL takes some 2,700 bytes, and one of these is four at most.
MOST = 200
_HASH = 16


def escaped(text: str) -> str:
    """`text` with control characters and halves of surrogate pairs, neither of which PostgreSQL stores, spelt as JSON escapes
    them: NUL is six characters."""
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def storable(name: str) -> str:
    """`name` with what cannot be stored escaped (see `escaped`); of one longer than `MOST`, the beginning and a hash."""
    shown = escaped(name)
    if len(shown) <= MOST:
        return shown
    digest = hashlib.sha256(shown.encode()).hexdigest()[:_HASH]
    return f"{shown[: MOST - _HASH - 1]}…{digest}"
