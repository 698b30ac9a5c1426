"""Text that callers send: what no database and no page can show is refused at the door.

Belongs here: validators of text. Does not belong here: lengths, which a schema says.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

_ALLOWED = {"\n", "\t"}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def printable(text: str) -> str:
    """`text` in normal form C. Raises ValueError for control characters and lone surrogates, which PostgreSQL refuses."""
    for letter in text:
        if unicodedata.category(letter) in {"Cc", "Cs"} and letter not in _ALLOWED:
            raise ValueError(f"must not contain the control character U+{ord(letter):04X}")
    if not text.strip():
        raise ValueError("must not be blank")
    return unicodedata.normalize("NFC", text)


def moment(text: object) -> object:
    """`text` if it is a moment of RFC 3339. Raises ValueError for anything else that a lenient reader would make one of,
    such as a number of seconds, which a parameter of an address is text for."""
    if isinstance(text, str) and not _RFC3339.fullmatch(text):
        raise ValueError("must be a moment such as 2026-01-31T12:00:00Z (RFC 3339)")
    if isinstance(text, str) and not _has_utc(text):
        raise ValueError("must lie between the years 1 and 9999 in UTC")
    return text


def _has_utc(text: str) -> bool:
    """False for what the driver, which sends UTC, could not send; what is no date at all its reader refuses."""
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        return False
    except ValueError:
        pass
    return True
