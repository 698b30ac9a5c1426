"""What people call the canonical columns and their values.

Belongs here: reading the words (vocabulary.yml). Does not belong here: weighing them (match.py).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


def names_of(column: str) -> tuple[str, ...]:
    """Names under which tables have the canonical column, likelier ones first."""
    return tuple(_words()["names"].get(column, ()))


def values_of(fact: str, column: str) -> dict[str, str]:
    """What stands in tables → canonical value, for a column with a closed list; empty where none is known."""
    words = _words()
    known = words["events"].get(fact, {}) if column == "event" else words["values"].get(column, {})
    return {str(word): name for name, found in known.items() for word in (*found, name.replace("_", " "))}


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return found
