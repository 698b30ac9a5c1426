"""JSON texts that say the same with their names in another order.

Belongs here: one form for all such texts. Does not belong here: which texts are compared (bodies.py).
"""

from __future__ import annotations

import json
from typing import Any


def form(text: str) -> str:
    """The same for all texts of one JSON value that differ in blanks, escapes and the order of names alone.

    Numbers stay as they are written. What is no JSON, or nested too deep for Python, is its own form.
    """
    try:
        return repr(json.loads(text, object_pairs_hook=_object, parse_int=_number, parse_float=_number))
    except (ValueError, RecursionError):
        return text


def _object(pairs: list[tuple[str, Any]]) -> tuple[str, list[tuple[str, Any]]]:
    # of a name that comes twice the order counts
    return "object", sorted(pairs, key=lambda pair: pair[0])


def _number(text: str) -> tuple[str, str]:
    return "number", text
