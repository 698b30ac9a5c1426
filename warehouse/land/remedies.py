"""What to do about a record that was turned away: one sentence for each kind of reason.

Belongs here: remedies. Does not belong here: the reasons themselves (the readers, checks.py, merge.py).
"""

from __future__ import annotations

import re

from warehouse.land.text import GUESS

_APART = "mend these records where they come from and ingest them in a file of their own"
_REPLAY = "if the contract is wrong, correct it; then: nexus quarantine replay SOURCE --workspace WORKSPACE"
_REMEDIES: tuple[tuple[str, str], ...] = (
    (r"^the file( |:)", "put a good one in its place where it comes from, and it is read by itself; or leave it there"),
    (
        r"^not UTF-8",
        "if the text is in another encoding, say which: nexus quarantine replay SOURCE --workspace WORKSPACE"
        f" --encoding {GUESS}",
    ),
    (
        r"^the packed file (is cut off|is damaged)",
        "copy or export the file again and ingest it: what has landed is known",
    ),
    (r"^the packed file unpacks", "if that is meant, unpack it and ingest the plain file"),
    (r"^the Parquet file unpacks", "if that is meant, export it in parts, or as .jsonl"),
    (
        r"^not JSON: malformed",
        f"{_APART}; a document that runs over several lines needs a file whose name ends in .json",
    ),
    (r"cut off", "export the file again and ingest it: what has landed is recognised"),
    (r"^the (line|document) is longer|in one line$", "write one record a line, or split the file"),
    (r"never closed", "close the quote in that line, and ingest the mended lines in a file of their own"),
    (r"fields? where the header", "mend these lines and ingest them, below the header, in a file of their own"),
    (r"^not readable as CSV", "mend these lines and ingest them, below the header, in a file of their own"),
    (r"^not readable as Parquet", "copy or export the file again and ingest it"),
    (r"^not JSON", _APART),
    (r"^nested deeper", "flatten these documents before they are exported"),
    (
        r"is not part of the .* contract|^no table of source",
        "leave it there, or add a table to the contract; then: nexus quarantine replay SOURCE --workspace WORKSPACE",
    ),
    (
        r"has landed already with another body",
        "one id stands for two records: correct the source; see: nexus quarantine list --source SOURCE --workspace WORKSPACE",
    ),
    (r"is an impossible time|does not exist in", _APART),
    (r"NUL character", _APART),
)

#: What to do about a file that could not be read whole.
UNREAD = (
    "export it again, one record a line (.jsonl), and ingest it: records with an id that have landed are recognised"
)


def unread(name: str, size: int) -> str:
    """What is said of a file of which `size` bytes were not read."""
    return f"{name}: {unread_of(size)}"


def unread_of(size: int) -> str:
    return f"behind a fault no record was found in {size:,} bytes"


def remedy(reason: str, source: str = "SOURCE", workspace: str = "WORKSPACE") -> str:
    """The next step for somebody who reads `reason`; commands in it name `source` and `workspace`."""
    found = next((text for pattern, text in _REMEDIES if re.search(pattern, reason)), f"{_APART}; {_REPLAY}")
    return found.replace("SOURCE", source).replace("WORKSPACE", workspace)
