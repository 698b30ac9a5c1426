"""Text that callers send: what no database and no page can show is refused at the door.

Belongs here: validators of text. Does not belong here: lengths, which a schema says.
"""

from __future__ import annotations

import unicodedata

_ALLOWED = {"\n", "\t"}


def printable(text: str) -> str:
    """`text` in normal form C. Raises ValueError for control characters and lone surrogates, which PostgreSQL refuses."""
    for letter in text:
        if unicodedata.category(letter) in {"Cc", "Cs"} and letter not in _ALLOWED:
            raise ValueError(f"must not contain the control character U+{ord(letter):04X}")
    if not text.strip():
        raise ValueError("must not be blank")
    return unicodedata.normalize("NFC", text)
