"""Files that are their owner's alone: written whole or not at all, mode 0600.

Belongs here: writing one. Does not belong here: what is secret, or a key that must never be replaced (sealing.py).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write(file: Path, text: str) -> None:
    """Replaces `file` by `text` in one step; whoever reads it meanwhile sees the old or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    scratch.replace(file)
