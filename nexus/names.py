"""The one grammar of names (docs/naming.md): what the name of a relation says, and which words may be part of one.

Belongs here: parsing and refusing names. Does not belong here: what Dagster or dbt make of a name.
"""

from __future__ import annotations

import keyword
import re

from nexus.errors import InputError

#: How the name of a relation begins, and the layer that this says.
LAYERS = {
    "raw": "raw",
    "stg": "staging",
    "int": "intermediate",
    "dim": "marts",
    "fct": "marts",
    "customer": "marts",
    "feat": "features",
    "metricflow": "metrics",
}
_NAME = re.compile(r"(?P<prefix>[a-z]+)_(?P<rest>[a-z0-9_]+)")
_SOURCED = re.compile(r"(?:raw|stg)_(?P<source>[a-z0-9]+(?:_[a-z0-9]+)*?)__(?P<entity>[a-z0-9_]+)")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST = 40


def relation(name: str) -> tuple[str, str | None]:
    """Layer and, for raw and staging, source that a relation's name says. Raises InputError outside the grammar."""
    match = _NAME.fullmatch(name)
    layer = LAYERS.get(match["prefix"]) if match else None
    if layer is None:
        raise InputError(f"no layer names a relation {name!r}", remedy="docs/naming.md has the grammar")
    sourced = _SOURCED.fullmatch(name)
    if layer in {"raw", "staging"} and not sourced:
        raise InputError(f"{name!r} names no source", remedy="name it raw_<source>__<entity> or stg_<source>__<entity>")
    return layer, sourced["source"] if sourced else None


def word(text: str, what: str) -> str:
    """`text` if it can name a source, an entity, a model or a page: it becomes a folder and a part of other names.

    Raises InputError otherwise; `what` is the kind of thing, as people say it.
    """
    if not _WORD.fullmatch(text) or keyword.iskeyword(text) or len(text) > _LONGEST:
        raise InputError(
            f"{text!r} cannot name a {what}",
            remedy=f"use lower-case words joined by single '_', starting with a letter, at most {_LONGEST} letters, "
            "no word of Python: docs/naming.md has the grammar",
        )
    return text
